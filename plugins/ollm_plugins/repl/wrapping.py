"""Where does a text break into rows, and how many columns does it take?"""

from __future__ import annotations

import re
from typing import Final

from prompt_toolkit.utils import get_cwidth

from ollm.api import visible

_EMOJI: Final = "\ufe0f"
"""Makes the sign before it an emoji, which terminals draw in two columns."""

WIDE: Final = "\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
"""Letters of scripts without spaces, as a range of a regular expression; a row may end after each."""

_PIECE: Final = re.compile(rf"[{WIDE}]\s*|[^\s{WIDE}]+\s*|\s+")
"""What is not broken, with the spaces after it: a word, or one letter of a script without spaces."""

TAB: Final = 8
"""Columns that a tab takes at most."""


def cells(text: str) -> int:
    """Return how many columns a text takes at most; line feeds take none."""
    if text.isascii() and "\t" not in text:
        return len(text)
    return sum(map(cell, text))


def cell(letter: str) -> int:
    """Return how many columns a letter takes at most."""
    if letter == _EMOJI:
        return 1
    return TAB if letter == "\t" else get_cwidth(letter)


def longest(text: str) -> int:
    """Return how many columns the longest piece of a text takes that is not broken if there is room for it."""
    return max((cells(piece[0].rstrip()) for piece in _PIECE.finditer(text)), default=0)


def row_ends(text: str, room: int) -> list[int]:
    """Return where each row of a text ends, spaces at its end included; the last row ends with the text.

    :param room: columns of a row, at least 2
    """
    ends: list[int] = []
    column = 0
    for piece in _PIECE.finditer(text):
        word = piece[0].rstrip()
        needed = cells(word)
        if column and column + needed > room:
            ends.append(piece.start())
            column = 0
        if needed > room:
            column = _break(word, piece.start(), room, ends)
        else:
            column += needed
        column += len(piece[0]) - len(word)
    return [*ends, len(text)]


def rows(text: str, room: int) -> list[str]:
    """Return the rows of a text that may have several lines.

    :param room: columns of a row, at least 2
    """
    found = []
    for line in text.split("\n"):
        ends = row_ends(line, room)
        found += [line[begin:end].rstrip(" ") for begin, end in zip([0, *ends], ends, strict=False)]
    return found


def _break(word: str, start: int, room: int, ends: list[int]) -> int:
    """Break a word that is longer than a row; return the columns that its last row takes."""
    column = 0
    for at, letter in enumerate(word, start):
        width = cell(letter)
        if column + width > room:
            ends.append(at)
            column = 0
        column += width
    return column


def one_line(text: str) -> str:
    """Return a text with single spaces for all that stands between its words."""
    return visible(" ".join(text.split()))


def fitted(text: str, room: int) -> str:
    """Cut a text to so many columns, with "…" at the end of what was cut."""
    if cells(text) <= room:
        return text
    kept, column = [], 0
    for letter in text:
        column += cell(letter)
        if column > room - 1:
            break
        kept.append(letter)
    return f"{''.join(kept)}\u2026"
