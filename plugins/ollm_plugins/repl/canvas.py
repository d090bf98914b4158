"""How is the terminal written, and what may still change taken back?

Rows that are written stay. Below them there may be a tail: what is shown for the moment, as it came, until it is known
how it looks. It is broken into rows here and not by the terminal, so that it is known how many there are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Final

from ollm_plugins.repl.wrapping import cell, cells, fitted, one_line, rows

MOST: Final = 20
"""Rows of a tail, at most: what is drawn anew stays small, whatever an answer holds."""


class Canvas:
    """The end of what is on the screen, the cursor at the start of a row unless there is a tail.

    :param write: writes at once
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write
        self._column = 0
        self._rows = 0
        self._begun_in: int | None = None
        self._astray = False
        self.measure()

    def measure(self) -> None:
        """See how large the terminal is now."""
        size = shutil.get_terminal_size()
        self._columns, self._lines = size
        self.width = max(size.columns - 1, 4)

    @property
    def bound(self) -> int:
        """How many rows a tail may have."""
        return max(1, min(MOST, self._lines - 3))

    @property
    def tail_rows(self) -> int:
        """How many rows the tail has."""
        return self._rows + 1 if self._begun_in is not None else 0

    @property
    def left(self) -> int:
        """How many columns are left in the row, as far as that is known."""
        return 0 if self._astray else self.width - self._column

    def rows(self, text: str) -> list[str]:
        """Break a text between words, where the terminal would break it anywhere."""
        self.measure()
        return rows(text, self.width)

    def fitted(self, text: str) -> str:
        """Cut a text so that it stays on one row."""
        self.measure()
        return fitted(one_line(text), self.width)

    def line(self, painted: str = "") -> None:
        """Write a row that stays; there must be no tail.

        :param painted: made visible before, with sequences for its styles
        """
        self.write(f"{painted}\n")
        self._astray = False

    def run_on(self, text: str) -> None:
        """Write on a row that the terminal breaks, until `line` ends it."""
        self.write(text)
        self._astray = True

    def show(self, text: str, painted: str | None = None) -> None:
        """Add to the tail.

        :param text: made visible before; line feeds begin a row
        :param painted: the same with styles, for a text that fits the row
        """
        self._begun_in = self._begun_in or self._columns
        width = cells(text)
        if width <= self.left and "\n" not in text:
            self._column += width
            self.write(text if painted is None else painted)
            return
        self.write("".join(map(self._placed, text)))

    def _placed(self, letter: str) -> str:
        width = 0 if letter == "\n" else cell(letter)
        if letter != "\n" and self._column + width <= self.width:
            self._column += width
            return letter
        self._rows += 1
        self._column = width
        return letter if letter == "\n" else f"\n{letter}"

    def take_back(self) -> bool:
        """Remove the tail; the cursor is where it began.

        :return: False when the window has become smaller, so that nobody knows where that is: it stays as it is
        """
        begun_in, rows = self._begun_in, self._rows
        self._begun_in, self._rows, self._column = None, 0, 0
        if begun_in is None:
            return True
        self.measure()
        if self._columns < begun_in or rows >= self._lines:
            self.write("\n")
            return False
        up = f"\x1b[{rows}A" if rows else ""
        self.write(f"\r{up}\x1b[J")
        return True
