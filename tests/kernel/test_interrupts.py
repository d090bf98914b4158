"""Does Ctrl-C cancel, and leave the event loop fit for what comes next?"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from ollm import interrupts
from ollm.errors import OllmError
from ollm.interrupts import run_cancellable


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_work_is_done(loop: asyncio.AbstractEventLoop) -> None:
    assert run_cancellable(loop, asyncio.sleep(0, "done")) == "done"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("times", [1, 2, 5])
def test_pressing_cancels(loop: asyncio.AbstractEventLoop, times: int) -> None:
    tidied = []

    async def work() -> None:
        try:
            for _ in range(times):
                press()
            await asyncio.sleep(60)
        finally:
            tidied.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_cancellable(loop, work())
    assert tidied
    assert not asyncio.all_tasks(loop)
    assert run_cancellable(loop, asyncio.sleep(0, "next")) == "next"


def test_a_signal_from_outside_wakes_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    timer = threading.Timer(0.05, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))

    async def work() -> None:
        timer.start()
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        run_cancellable(loop, work())


def test_who_cannot_be_cancelled_is_broken_off_later(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "GRACE", 0.0)

    async def stubborn() -> None:
        while not released:
            presses.release()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    def press_twice() -> None:
        for _ in range(2):
            presses.acquire()  # two at once might count as one
            time.sleep(0.01)
            signal.pthread_kill(main, signal.SIGINT)

    presses = threading.Semaphore(0)
    released: list[bool] = []
    main = threading.main_thread().ident
    assert main is not None
    thread = threading.Thread(target=press_twice)
    thread.start()
    with pytest.raises(interrupts.Abandoned):
        run_cancellable(loop, stubborn())
    thread.join()
    assert asyncio.all_tasks(loop)
    released.append(True)


def test_a_cancellation_of_its_own_is_no_interrupt(loop: asyncio.AbstractEventLoop) -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(OllmError, match="cancelled from within"):
        run_cancellable(loop, give_up())


def test_elsewhere_than_in_the_main_thread(loop: asyncio.AbstractEventLoop) -> None:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(run_cancellable(loop, asyncio.sleep(0, "done"))))
    thread.start()
    thread.join(30)
    assert found == ["done"]


def test_a_press_within_a_press_does_not_hide_the_first(monkeypatch):
    """Signals nest: the second may come between any two steps of what the first one does."""
    import asyncio
    import signal

    from ollm import interrupts

    nested = []

    class Grace:
        def __lt__(self, seconds):  # what is asked right after a press was noted
            if not nested:
                nested.append(True)
                signal.raise_signal(signal.SIGINT)
            return seconds > 3

    async def work():
        monkeypatch.setattr(interrupts, "GRACE", Grace())
        signal.raise_signal(signal.SIGINT)
        await asyncio.wait_for(asyncio.Event().wait(), 30)

    loop = asyncio.new_event_loop()
    with pytest.raises(KeyboardInterrupt):
        interrupts.run_cancellable(loop, work())
    loop.close()
    assert nested
