"""Where does it go what a plugin prints?

Not to stdout, which belongs to the answer. In the main thread, stdout is exchanged while a plugin is at work; another
thread, which is at work at the same time as others, has one of its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from typing import TextIO

_MAIN: Final = threading.main_thread().ident
_thread: Final = threading.local()


class Stdout:
    """Stands for stdout, and lets each thread have one of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(_thread, "stdout", None) or self._stream, name)


def tell_threads_apart() -> None:
    """Let threads other than the main one have a stdout of their own from now on."""
    if not isinstance(sys.stdout, Stdout):
        sys.stdout = Stdout(sys.stdout)


def exchange(stdout: Any) -> Any:
    """Let this thread print to something else; return what it has printed to so far."""
    if threading.get_ident() == _MAIN:
        before, sys.stdout = sys.stdout, stdout
    else:
        before, _thread.stdout = getattr(_thread, "stdout", None), stdout
    return before


@contextlib.contextmanager
def descriptor_aside() -> Iterator[None]:
    """Let what is written to the descriptor itself, as child processes and C libraries do, go to stderr."""
    try:
        kept = os.dup(1)
    except OSError:  # there is no stdout
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
