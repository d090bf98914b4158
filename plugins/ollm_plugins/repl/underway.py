"""How is it shown that a turn goes on although nothing comes?

By a line of its own where nothing else stands in the row, else by a sign behind what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ollm_plugins.repl.silence import Silence
from ollm_plugins.repl.spinner import CLEAR_LINE, Spinner
from ollm_plugins.repl.wrapping import cells

if TYPE_CHECKING:
    from ollm_plugins.repl.canvas import Canvas


class UnderWay:
    """What turns while a turn goes on.

    :param canvas: what it is drawn on
    :param dim: makes a text dim
    :param room: returns how many columns are free behind the text that stands in the row
    """

    def __init__(
        self, canvas: Canvas, dim: Callable[[str], str], room: Callable[[], int], *, unicode: bool = True
    ) -> None:
        self._canvas = canvas
        self._dim = dim
        self._room = room
        self._line = Spinner(self._draw_line, lambda: canvas.write(CLEAR_LINE), unicode=unicode)
        self._sign = Spinner(self._draw_sign, self._erase_sign, unicode=unicode)
        self._silence = Silence(self._fall_silent)
        self._drawn = 0
        self._is_on = False

    @property
    def has_line(self) -> bool:
        """Whether it has, or soon will have, a line of its own."""
        return self._line.is_on

    def begin(self) -> None:
        """Begin a turn, where something may be drawn anew."""
        self._is_on = True
        self._silence.begin()
        self.go_on()

    def over(self) -> None:
        """End it."""
        self._is_on = False
        self._silence.end()
        self.take_back()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Show nothing while somebody else has the terminal."""
        is_on, self._is_on = self._is_on, False
        try:
            yield
        finally:
            self._is_on = is_on

    def start(self, words: str = "", *, seconds: float = 0.0) -> None:
        """Show a line, or go on with it in other words.

        :param seconds: those that have gone by already
        """
        self._line.start(words, seconds=seconds)

    def say(self, words: str) -> None:
        """Show a line, or go on with it in other words and with the same seconds."""
        if self._line.is_on:
            self._line.say(words)
        else:
            self._line.start(words)

    def go_on(self, words: str = "", *, again: bool = False) -> None:
        """Show a line if a turn is under way and there is none.

        :param again: with the words and the seconds of the one before
        """
        if self._is_on and not self._line.is_on:
            if again:
                self._line.go_on()
            else:
                self._line.start(words)

    def heard(self) -> None:
        """Hear that something has come."""
        self._silence.heard()
        if self._sign.is_on:
            self._sign.stop()

    def take_back(self) -> None:
        """Leave nothing of it."""
        self._sign.stop()
        self._line.stop()

    def _fall_silent(self, seconds: float) -> None:
        """Show that more is to come behind what stands there, such as a tool call that is being written."""
        if self._is_on and not self._line.is_on and not self._sign.is_on:
            self._sign.start(seconds=seconds)

    def _draw_line(self, text: str) -> None:
        self._canvas.write(CLEAR_LINE + self._dim(self._canvas.fitted(text)))

    def _draw_sign(self, text: str) -> None:
        self._erase_sign()
        shown = f" {text}"
        if cells(shown) < self._room():
            self._drawn = cells(shown)
            self._canvas.write(f"{self._dim(shown)}\x1b[{self._drawn}D")

    def _erase_sign(self) -> None:
        if self._drawn:
            self._drawn = 0
            self._canvas.write("\x1b[K")
