"""How is a text wrapped as it grows?

A new piece costs as much as it is long, however long the text before it is: rows that are full never change again.
"""

from __future__ import annotations

from collections.abc import Sequence

from ollm.api import visible

_TAB = "    "
_JOINERS = str.maketrans("", "", "\u200d\ufe0f")
"""What joins emoji, or gives a sign another look: terminals differ in how wide the result is, so that columns shift."""


def width_of(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from prompt_toolkit.utils import get_cwidth

    return get_cwidth(text)


def cut_at(text: str, width: int) -> int:
    """Return how many characters fit into some columns."""
    if text.isascii():
        return min(len(text), width)
    taken = 0
    for place, character in enumerate(text):
        taken += width_of(character)
        if taken > width:
            return place
    return len(text)


def fitted(text: str, width: int) -> str:
    """Return a text of exactly so many columns: cut, or with spaces at its end."""
    if width_of(text) > width:
        text = f"{text[: cut_at(text, max(0, width - 1))]}…" if width > 0 else ""
    return text + " " * (width - width_of(text))


class Wrapped:
    """A text in rows of a width."""

    def __init__(self, width: int) -> None:
        self.width = max(2, width)
        self._rows: list[str] = []
        self._open = ""
        self._held = ""
        self._goes_on = False

    def feed(self, text: str) -> None:
        """Add a piece; what is not to be obeyed by a terminal is made visible."""
        whole = self._held + text
        self._held = "\r" if whole.endswith("\r") else ""  # perhaps the first half of a line's end
        shown = visible(whole[: len(whole) - len(self._held)]).replace("\t", _TAB)
        *ended, last = shown.translate(_JOINERS).split("\n")
        for line in ended:
            self._add(line)
            if self._open or not self._goes_on:
                self._rows.append(self._open)
            self._open, self._goes_on = "", False
        self._add(last)

    def _add(self, text: str) -> None:
        """Add a piece of a line; spaces at which it was wrapped are left out."""
        self._open += text
        self._open = self._open.lstrip(" ") if self._goes_on else self._open
        while (cut := cut_at(self._open, self.width)) < len(self._open):
            space = self._open.rfind(" ", 1, cut + 1)
            end = space if space > 0 else max(1, cut)
            self._rows.append(self._open[:end].rstrip())
            self._open = self._open[end:].lstrip(" ")
            self._goes_on = True

    @property
    def height(self) -> int:
        """How many rows there are."""
        return len(self._rows) + bool(self._open)

    def rows(self, height: int, back: int = 0) -> Sequence[str]:
        """Return the last rows, or, `back` rows further up, those before them."""
        end = max(0, self.height - back)
        begin = max(0, end - height)
        found = self._rows[begin:end]
        return [*found, self._open] if self._open and end == self.height and len(found) < height else found


def wrapped(text: str, width: int, most: int) -> list[str]:
    """Return a text in at most so many rows of exactly so many columns."""
    if most == 1:
        return [fitted(visible(text), width)]
    made = Wrapped(width)
    made.feed(text)
    rows = list(made.rows(made.height))
    if len(rows) > most:
        rows = [*rows[: most - 1], " ".join(rows[most - 1 :])]
    return [fitted(row, width) for row in rows or [""]]
