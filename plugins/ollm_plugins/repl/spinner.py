"""How is it shown that something is under way, off the path of what comes?

One line that is drawn anew by a timer of the event loop, and taken back without a trace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

EVERY: Final = 0.1
"""Seconds between two pictures."""

PATIENCE: Final = 0.2
"""Seconds before anything is shown, so that what is quick flashes nothing."""

CLEAR_LINE: Final = "\r\x1b[K"
_PICTURES: Final = "\u280b\u2819\u2839\u2838\u283c\u2834\u2826\u2827\u2807\u280f"
_ASCII: Final = "|/-\\"


class Spinner:
    """A line with a moving sign, words and the seconds that have gone by.

    :param draw: writes a line without its end, cut to the terminal's width; gets it without sequences
    :param erase: takes it back
    """

    def __init__(self, draw: Callable[[str], None], erase: Callable[[], None], *, unicode: bool = True) -> None:
        self._draw = draw
        self._erase = erase
        self._pictures = _PICTURES if unicode else _ASCII
        self._next: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._words = ""
        self._began = 0.0
        self._shown = False
        self._on = False

    @property
    def is_on(self) -> bool:
        """Whether it has been started and not been stopped."""
        return self._on

    def start(self, words: str = "", *, seconds: float = 0.0) -> None:
        """Begin, or go on with other words.

        :param seconds: those that have gone by already
        """
        self._words, self._began, self._on = words, time.monotonic() - seconds, True
        if self._next is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # nothing runs that would draw it again, or not in this thread, as with a notice
                self._picture()
                if self._loop is not None and self._loop.is_running():
                    self._loop.call_soon_threadsafe(self._turn_again, self._loop)
                return
            self._loop = loop
            self._next = loop.call_later(0 if self._shown or seconds else PATIENCE, self._turn, loop)

    def go_on(self) -> None:
        """Begin again after it was taken back, with the same words and seconds."""
        self.start(self._words, seconds=time.monotonic() - self._began)

    def say(self, words: str) -> None:
        """Go on with other words and the same seconds."""
        self._words = words

    def stop(self) -> None:
        """Take it back."""
        if not self._on:
            return
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._shown:
            self._erase()
        self._shown = self._on = False

    def _turn_again(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._on and self._next is None:
            self._turn(loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._picture()
        self._next = loop.call_later(EVERY, self._turn, loop)

    def _picture(self) -> None:
        seconds = time.monotonic() - self._began
        sign = self._pictures[int(seconds / EVERY) % len(self._pictures)]
        self._shown = True
        self._draw(f"{sign} {self._words} {seconds:.0f} s".replace("  ", " "))
