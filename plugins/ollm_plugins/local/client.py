"""How does the user's own package client fetch one wheel, watched and stoppable?"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO, Final

from ollm.api import ProviderError, visible

UNPACKED: Final = "uv"
"""Folder in the staging folder in which uv leaves a wheel's content; pip leaves the wheel itself."""

TICK: Final = 0.2
"""Seconds between two looks at the growing files."""


async def download(requirement: str, staging: Path, remedy: str) -> AsyncGenerator[int, None]:
    """Fetch a wheel into a folder and yield the bytes that are there, a few times a second.

    Index, proxies and certificates are what the user has configured. Closing the iterator ends the client.

    :param requirement: pinned, e.g. "name==1.0"
    :param remedy: what the user can do when it fails
    :raises ProviderError: there is no client, or it failed; with its last word
    """
    log = staging / "client.log"
    command = _command(requirement, staging, remedy)
    with log.open("wb") as errors:
        child = _start(command, staging, errors)
    try:
        while child.poll() is None:
            yield grown(staging)
            await asyncio.sleep(TICK)
    finally:
        _end(child)
    if child.returncode != 0:
        said = _last_line(log) or f"exit code {child.returncode}"
        raise ProviderError(f"{requirement} could not be fetched: {said}", remedy)


def _command(requirement: str, staging: Path, remedy: str) -> list[str]:
    """Return the command that makes the user's package client fetch the wheel."""
    if importlib.util.find_spec("pip") is not None:
        # -P: a file pip.py in the folder that the user happens to stand in must not be run.
        # No cache: it would keep a second copy of the wheel for good.
        quiet = [
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
            "--no-cache-dir",
        ]
        only = ["--no-deps", "--only-binary", ":all:", "--dest", str(staging), requirement]
        return [sys.executable, "-P", "-m", "pip", "download", *quiet, *only]
    if uv := shutil.which("uv"):
        # uv has no `download`; it is given its own cache, so that the growing file can be watched.
        places = [
            "--python",
            sys.executable,
            "--target",
            str(staging / UNPACKED),
            "--cache-dir",
            str(staging / "cache"),
        ]
        return [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", *places, requirement]
    raise ProviderError(f"{requirement} cannot be fetched: this Python has no pip, and there is no uv", remedy)


def _start(command: list[str], staging: Path, errors: BinaryIO) -> subprocess.Popen[bytes]:
    """Start the client, with its temporary files where they can be watched and are removed with the rest.

    It runs in the staging folder, for uv takes settings from the folder it is started in, which may be a
    project that nobody trusts; and in a session of its own, so that Ctrl-C reaches it through us only.
    """
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(staging))
    return subprocess.Popen(  # noqa: S603  (a fixed command)
        command,
        cwd=staging,
        env={**os.environ, **places},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the client if it still runs, and reap it; within 0.2 s, as a cancelled turn must end."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def grown(*folders: Path) -> int:
    """Return the bytes of all files under some folders, counting hard links once; what vanishes meanwhile has none."""
    sizes: dict[int, int] = {}
    for folder in folders:
        for place, _, names in os.walk(folder):  # unlike a glob, it goes on where the client has removed a folder
            for name in names:
                with contextlib.suppress(OSError):
                    path = Path(place, name)
                    status = path.lstat()
                    sizes[status.st_ino or hash(path)] = status.st_size
    return sum(sizes.values())


_NO_CONNECTION = re.compile(
    r"Network is unreachable|Temporary failure in name resolution|Name or service not known|Connection refused"
    r"|Connection timed out|Read timed out|No route to host"
)


def _last_line(log: Path) -> str:
    """Return what the client said at last, and before it, if there was no connection, why."""
    text = log.read_text("utf-8", "replace")[-8000:]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    offline = _NO_CONNECTION.findall(text)
    reason = f"no connection to your package index ({offline[-1]}); " if offline else ""
    return visible(reason + (errors or lines or [""])[-1])[:300]
