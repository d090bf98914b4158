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
from typing import Final, TypeVar

from msgspec import Struct

T = TypeVar("T")

GRACE: Final = 2.0
"""Seconds between the request to end and the end; less than ollm waits for a tool that it has cancelled (3 s)."""

_LAST_WORDS: Final = 0.5
"""Seconds that are waited for the end of the output after the command has ended: something that it has left in the
background may hold the pipe open for good."""

_STEP: Final = 0.02
_ROUNDS: Final = 20
"""How often what lives is looked for and killed, at most: what is started meanwhile is found the next time."""

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
    """Run a command in a session of its own, which is ended with it, after its time, or when this is cancelled.

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
        transport = await _whatever_comes(starting)
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


async def _whatever_comes(work: asyncio.Future[T]) -> T:
    """Wait for something to its end, also when this is cancelled once more; that would cancel what it waits for."""
    while not work.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait((work,))
    return await work


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, and say whether it came in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _end(session: int, mark: str) -> bool:
    """End what runs in a session; say whether there was anything left of it.

    :param session: also the number of its first process, and of the group of that
    :param mark: a variable; whatever has it in its environment is ended, too
    """
    if sys.platform == "win32":
        return _send(session, signal.SIGTERM)
    if not _lives(session, mark):
        return False
    _send(session, signal.SIGTERM, mark)
    try:
        until = time.monotonic() + GRACE
        while time.monotonic() < until and _lives(session, mark):  # noqa: ASYNC110  (nobody tells of a group)
            await asyncio.sleep(_STEP)
    finally:
        for _ in range(_ROUNDS):
            _send(session, _KILL, mark)
            if not _lives(session, mark):
                break
    return True


def _lives(session: int, mark: str) -> bool:
    """Say whether a process of a session runs, or one with a mark; elsewhere than on Linux, one of the session's first group."""
    return bool(_living(session, mark)) if Path("/proc/self/stat").exists() else _send(session, 0)


def _living(session: int, mark: str) -> dict[int, int]:
    """Return the processes of a session, or with a mark, and the group of each, as far as Linux tells of them.

    Those that have ended do not count, although their parents may not have noticed yet: the first process of a container
    may take its time to do so.
    """
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):  # it has just gone, or is somebody else's
            state, _, group, its_session = (path / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[:4]
            if state in ("Z", "X"):
                continue
            if int(its_session) == session or (mark and mark.encode() in (path / "environ").read_bytes().split(b"\0")):
                found[int(path.name)] = int(group)
    return found


if sys.platform == "win32":
    _KILL: Final = signal.SIGTERM

    def _send(session: int, number: int, mark: str = "") -> bool:  # noqa: ARG001  (as the other one is called)
        """End a process and those that it has started; Windows knows no gentler way. Says that none is left."""
        import subprocess

        if number:
            words = ["taskkill", "/T", "/F", "/PID", str(session)]
            subprocess.run(words, check=False, capture_output=True)  # noqa: S603  (a number)
        return False

else:
    _KILL: Final = signal.SIGKILL

    def _send(session: int, number: int, mark: str = "") -> bool:
        """Send a signal to what runs in a session, or has a mark; say whether the session's first group is still there.

        :param number: 0 for no signal
        """
        for each, group in _living(session, mark).items() if number else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if group != session:  # the others get it at once, below
                    os.kill(each, number)
        try:
            os.killpg(session, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of processes that have ended
            return False
        return True
