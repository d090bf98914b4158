"""How does the thread that writes tell the user what goes wrong?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ollm.api import Notice

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Telling:
    """Lets the event loop tell it, which draws on the screen; the thread itself does where none runs.

    :param notify: tells the user
    """

    def __init__(self, notify: Callable[[Notice], None]) -> None:
        self._notify = notify
        self._waiting: deque[Notice] = deque()
        self._loop: AbstractEventLoop | None = None

    def within(self) -> None:
        """Take the event loop that runs in this thread, if one does, as the one that tells."""
        import asyncio

        with suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def notice(self, notice: Notice) -> None:
        """Have something told, soon."""
        self._waiting.append(notice)
        if self._loop is None or not self._loop.is_running():
            self.now()
            return
        with suppress(RuntimeError):  # it has just been closed: whoever waits for the thread tells
            self._loop.call_soon_threadsafe(self.now)

    def now(self) -> None:
        """Tell what has not been told."""
        while True:
            try:
                notice = self._waiting.popleft()
            except IndexError:  # there is nothing more, or two threads tell at once
                return
            self._notify(notice)
