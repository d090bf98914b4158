"""What does the terminal throw away, and when?"""

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
    descriptor = _terminal()
    kept = descriptor is not None and _set_flushing(descriptor, wanted=False)
    try:
        yield kept
    finally:
        if descriptor is not None and kept:
            _set_flushing(descriptor, wanted=True)


def _terminal() -> int | None:
    """Return the descriptor of the terminal that output goes to; None when there is none."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream.isatty():
                return stream.fileno()
        except (OSError, ValueError):  # closed, or it only stands in for a stream
            continue
    return None


def _set_flushing(descriptor: int, *, wanted: bool) -> bool:
    """Let a terminal throw away what is under way when Ctrl-C is pressed, or not.

    :return: whether that has changed
    """
    try:
        import termios
    except ImportError:  # Windows
        return False
    try:
        if os.tcgetpgrp(descriptor) != os.getpgrp():  # in the background, where the change would stop the program
            return False
        state = termios.tcgetattr(descriptor)
        if bool(state[3] & termios.NOFLSH) is not wanted:
            return False
        state[3] ^= termios.NOFLSH
        termios.tcsetattr(descriptor, termios.TCSANOW, state)
    except (termios.error, OSError):  # not our terminal, or it is gone
        return False
    return True
