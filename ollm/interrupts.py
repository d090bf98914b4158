"""How does Ctrl-C, or a request to terminate, end what is under way?

The first press cancels it; what is pressed while it tidies up is ignored, so that connections are closed and
texts kept. `asyncio.Runner` would raise in the middle of the event loop at the second press, and leave tasks
behind that the next run takes up again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import count
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from ollm.errors import OllmError
from ollm.terminal import forget_typed, output_kept

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")

GRACE = 3.0
"""Seconds after the first press from which on another one breaks off what would not be cancelled."""


_USUAL: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
if hasattr(signal, "SIGHUP"):
    _USUAL[signal.SIGHUP] = signal.SIG_DFL
"""The signals that ask a program to end, with what they do when nobody has said otherwise."""


class Abandoned(KeyboardInterrupt):
    """The user pressed Ctrl-C, and the work did not end: its event loop must not be run again."""


def run_cancellable(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Run something until it is done or was cancelled.

    :raises KeyboardInterrupt: the user pressed Ctrl-C; the work was cancelled first
    :raises Abandoned: it went on all the same
    :raises OllmError: something in it cancelled it
    """
    import asyncio

    tasks: list[asyncio.Task[T]] = []
    presses: list[float] = []
    numbers = count()

    def press() -> None:
        # In one step: the next signal may come anywhere in here, and must not count as the first.
        number = next(numbers)
        presses.append(time.monotonic())
        if ours_to_forget:
            forget_typed()
        if presses[-1] - presses[0] > GRACE:
            raise KeyboardInterrupt
        if number == 0 and tasks:
            loop.call_soon_threadsafe(tasks[0].cancel)

    with output_kept() as ours_to_forget, _on_interrupt(press):
        tasks.append(loop.create_task(work))
        if presses:
            tasks[0].cancel()
        try:
            return loop.run_until_complete(tasks[0])
        except asyncio.CancelledError:
            if presses:
                raise KeyboardInterrupt from None
            raise OllmError("The work was cancelled from within", "Set OLLM_DEBUG=1 for the trace.") from None
        except KeyboardInterrupt:
            if not tasks[0].done():
                raise Abandoned from None
            raise


@contextmanager
def held() -> Iterator[None]:
    """Hold such a signal back until something is imported or made that must not be left half made.

    :raises KeyboardInterrupt: afterwards, if one came
    """
    presses: list[None] = []
    with _on_interrupt(lambda: presses.append(None)):
        yield
    if presses:
        raise KeyboardInterrupt


@contextmanager
def _on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """Do something at each such signal that is not somebody else's business already."""
    ours = threading.current_thread() is threading.main_thread()
    usual = {number: handler for number, handler in _USUAL.items() if ours and signal.getsignal(number) is handler}

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (as signal wants it)
        act()

    for number in usual:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
