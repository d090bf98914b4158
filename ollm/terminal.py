"""What does the terminal throw away, what does it show, and when?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def forget_typed() -> None:
    """Throw away what was typed and not yet read, such as before a question stood there: nobody agrees by accident."""
    try:
        import termios
    except ImportError:  # Windows
        return
    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (termios.error, OSError, ValueError):  # no terminal, or it is gone, which reading from it will tell
        return


@contextmanager
def output_kept() -> Iterator[bool]:
    """Let the terminal show at Ctrl-C what was written before; else it throws that away with what was typed.

    A line would be missing in an answer, or a part of the sequence that draws a bar anew, which then stays for good.

    :return: a context that tells whether it is up to the program now to throw away at Ctrl-C what was typed
    """
    with _with_mode("NOFLSH", wanted=True) as kept:
        yield kept


@contextmanager
def typing_unseen() -> Iterator[None]:
    """Let the terminal not show what is typed ahead: it would stand in the middle of what is written and drawn anew.

    It is kept, and shown by whoever reads it.
    """
    with _with_mode("ECHO", wanted=False):
        yield


@contextmanager
def _with_mode(name: str, *, wanted: bool) -> Iterator[bool]:
    """Let a local mode of the terminal be so for a while; tell whether that has changed anything."""
    descriptor = _terminal()
    changed = descriptor is not None and _set_mode(descriptor, name, wanted=wanted)
    try:
        yield changed
    finally:
        if descriptor is not None and changed:
            _set_mode(descriptor, name, wanted=not wanted)


def _terminal() -> int | None:
    """Return the descriptor of the terminal that output goes to; None when there is none."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream.isatty():
                return stream.fileno()
        except (OSError, ValueError):  # closed, or it only stands in for a stream
            continue
    return None


def _set_mode(descriptor: int, name: str, *, wanted: bool) -> bool:
    """Switch a local mode of the terminal on or off.

    :param name: as in termios(3)
    :return: whether that has changed anything
    """
    try:
        import termios
    except ImportError:  # Windows
        return False
    try:
        if os.tcgetpgrp(descriptor) != os.getpgrp():  # in the background, where the change would stop the program
            return False
        state, mode = termios.tcgetattr(descriptor), getattr(termios, name)
        if bool(state[3] & mode) is wanted:
            return False
        state[3] ^= mode
        termios.tcsetattr(descriptor, termios.TCSANOW, state)
    except (termios.error, OSError):  # not our terminal, or it is gone
        return False
    return True
