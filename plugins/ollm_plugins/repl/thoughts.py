"""How do thoughts break between words, while they come and nothing is drawn anew?

A word is held until it is over; then it is known whether the row has room for it.
"""

from __future__ import annotations

import re
from typing import Final

from ollm_plugins.repl.wrapping import WIDE, cells

_PIECES: Final = re.compile(rf"\n|[^\S\n]+|[{WIDE}]|[^\s{WIDE}]+")


class Thoughts:
    """Breaks a text that comes in pieces.

    :param room: columns of a row, at least 2
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._column = 0
        self._space = ""
        self._word = ""

    @property
    def left(self) -> int:
        """How many columns are left in the row."""
        return self._room - self._column

    def add(self, text: str) -> str:
        """Return what can be written, now that another piece has come."""
        return "".join(self._with(piece) for piece in _PIECES.findall(text))

    def end(self) -> str:
        """Return the word that is held, and the end of its row."""
        return self._said() + ("\n" if self._column else "")

    def _with(self, piece: str) -> str:
        if piece == "\n":
            said, self._column, self._space = self._said(), 0, ""
            return f"{said}\n"
        if piece.isspace():
            said = self._said()
            self._space += piece
            return said
        is_wide = cells(piece) > len(piece)  # a letter of a script without spaces is a word
        said = self._said() if is_wide else ""
        self._word += piece
        return said + (self._said() if is_wide or cells(self._word) >= self._room else "")

    def _said(self) -> str:
        """Return the word that is held, on this row or on the next one."""
        if not self._word:
            return ""
        space, word, self._space, self._word = self._space, self._word, "", ""
        taken = cells(space) + cells(word)
        if self._column and self._column + taken > self._room:
            self._column = min(cells(word), self._room)
            return f"\n{word}"
        self._column = min(self._column + taken, self._room)
        return space + word
