"""How is a command run so that nothing of it outlives its time?"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

GRACE: Final = 2.0
"""Seconds between the request to end and the end; less than ollm waits for a tool that it has cancelled (3 s)."""

_LAST_WORDS: Final = 0.5
"""Seconds that are waited for the end of the output after the command has ended: something that it has left in the
background may hold the pipe open for good."""

_STEP: Final = 0.02
_NEW_GROUP: Final = 0x200 if sys.platform == "win32" else 0
"""CREATE_NEW_PROCESS_GROUP, which Windows has for sessions."""


class Ended(Struct, frozen=True):
    """How a command has ended.

    :param code: its exit code; negative: the signal that ended it
    :param seconds: wall time
    :param timed_out: whether its time was up
    :param left: whether it had left something running, which was ended
    """

    code: int | None
    seconds: float
    timed_out: bool
    left: bool


class _Watcher(asyncio.SubprocessProtocol):
    """Hears of a process. (`Process.wait` returns only when nobody holds the pipe any more.)"""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002  (there is one pipe)
        self._take(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002  (as above)
        self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()


async def run(
    argv: Sequence[str], cwd: Path, environ: Mapping[str, str], seconds: float, take: Callable[[bytes], None]
) -> Ended:
    """Run a command in a process group of its own, which is ended with it, after its time, or when this is cancelled.

    What it has started in a session of its own lives on when it has come to its end, as a daemon is meant to. In the other
    two cases that is ended as well, where the system tells (Linux) and it has kept the environment that it was given.

    :param seconds: its time
    :param take: gets its output, stdout and stderr in the order in which they are written
    :raises OSError: it cannot be started
    """
    watcher = _Watcher(take)
    began = time.monotonic()
    number = os.urandom(16).hex()
    mark = f"OLLM_COMMAND={number}"
    starting = asyncio.ensure_future(_start(watcher, argv, cwd, {**environ, "OLLM_COMMAND": number}))
    timed_out = finished = False
    try:
        await asyncio.shield(starting)  # half a start, cancelled, would leave behind what the shell has started by then
        timed_out = not await _within(watcher.exited, seconds)
        taken = time.monotonic() - began
        if not timed_out:
            await _within(watcher.closed, _LAST_WORDS)
        finished = not timed_out
    finally:
        transport = await starting
        try:
            left = await _end(transport.get_pid(), "" if finished else mark)
            await _within(watcher.exited, _LAST_WORDS)
        finally:
            transport.close()
    return Ended(transport.get_returncode(), taken, timed_out, left and not timed_out)


async def _start(
    watcher: _Watcher, argv: Sequence[str], cwd: Path, environ: Mapping[str, str]
) -> asyncio.SubprocessTransport:
    """:raises OSError: it cannot be started"""
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: watcher,
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=cwd,
        env=environ,
        start_new_session=True,
        creationflags=_NEW_GROUP,
    )
    return transport


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, and say whether it came in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _end(group: int, mark: str) -> bool:
    """End a group of processes; say whether there was any left of it.

    :param mark: a variable; whatever has it in its environment is ended, too
    """
    if sys.platform == "win32":
        return _send(group, signal.SIGTERM)
    if not _lives(group, mark):
        return False
    _send(group, signal.SIGTERM, mark)
    try:
        until = time.monotonic() + GRACE
        while time.monotonic() < until and _lives(group, mark):  # noqa: ASYNC110  (nobody tells of a group)
            await asyncio.sleep(_STEP)
    finally:
        _send(group, _KILL, mark)
    return True


def _lives(group: int, mark: str) -> bool:
    """Say whether a process of a group runs, or one with a mark.

    For the system, one that has ended counts until its parent has noticed; the first process of a container may take
    its time to do so.
    """
    if _marked(mark):
        return True
    if not _send(group, 0):
        return False
    states = [state for found, state in map(_group_and_state, Path("/proc").glob("[0-9]*/stat")) if found == group]
    return not states or any(state not in ("Z", "X") for state in states)


def _group_and_state(stat: Path) -> tuple[int, str]:
    """Return what Linux says of a process; 0 for one that has just gone."""
    try:
        state, _, group = stat.read_text("utf-8", "replace").rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return 0, ""
    return int(group), state


def _marked(mark: str) -> list[int]:
    """Return the processes that have a variable in their environment, as far as Linux tells of it; one that has ended has none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ") if mark else ():
        with contextlib.suppress(OSError):  # it is somebody else's, or has just gone
            found += [int(path.parent.name)] if mark.encode() in path.read_bytes().split(b"\0") else []
    return found


if sys.platform == "win32":
    _KILL: Final = signal.SIGTERM

    def _send(group: int, number: int, mark: str = "") -> bool:  # noqa: ARG001  (as the other one is called)
        """End a process and those that it has started; Windows knows no gentler way. Says that none is left."""
        import subprocess

        if number:
            words = ["taskkill", "/T", "/F", "/PID", str(group)]
            subprocess.run(words, check=False, capture_output=True)  # noqa: S603  (a number)
        return False

else:
    _KILL: Final = signal.SIGKILL

    def _send(group: int, number: int, mark: str = "") -> bool:
        """Send a signal to a group of processes, 0 for none, and to those with a mark; say whether there is such a group."""
        for each in _marked(mark):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each, number)
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of processes that have ended
            return False
        return True
