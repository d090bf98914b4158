"""What does the screen hold while models answer?

Columns side by side, or one above the other where the screen is narrow. Only what is seen is laid out, so a frame costs
the same however long the answers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ollm.api import visible
from ollm_plugins.compare.masking import Mask, Masking
from ollm_plugins.compare.running import Column
from ollm_plugins.compare.wrapping import Wrapped, fitted

LEAST: Final = 28
"""Columns of the screen that a model needs to stand beside others."""
BETWEEN: Final = " │ "
_WORDS: Final = {
    "queued": "waits for its turn",
    "asked": "was asked",
    "loading": "is being loaded",
    "thinking": "thinks",
    "answering": "answers",
    "done": "is done",
    "failed": "failed",
    "ended": "was ended",
}
NOTHING: Final = Mask()
"""Hides no names."""
Row = list[tuple[str, str]]
"""Pieces of a row, each with its style."""


class Pane:
    """One model's part of the screen.

    :param mask: hides names in what is seen
    :ivar back: rows for which the user has scrolled up; 0 follows the text
    """

    def __init__(self, column: Column, mask: Mask = NOTHING) -> None:
        self.column = column
        self._mask = mask
        self._masking = Masking(mask)
        self.back = 0
        self._wrapped = Wrapped(LEAST)
        self._source: list[str] = []
        self._width = 0
        self._seen = 0
        self._told = 0

    def _grown(self, width: int) -> None:
        """Take in what has come since the last frame."""
        column = self.column
        was = 0
        if column.said is not self._source or width != self._width:
            was = self._wrapped.height if column.said is self._source else 0
            self._width = width
            self._wrapped, self._source, self._seen, self._told = Wrapped(width), column.said, 0, 0
            self._masking = Masking(self._mask)
        before = self._wrapped.height
        for piece in column.said[self._seen :]:
            self._wrapped.feed(self._masking.feed(piece))
        self._seen = len(column.said)
        if column.over and column.runs and not self._told:
            self._told = 1
            self._wrapped.feed(self._masking.rest())
            remark = self._mask.line(column.runs[-1].remark)
            self._wrapped.feed(f"{chr(10) if self._seen else ''}[{remark}]" if remark else "")
        if self.back:
            grown = self._wrapped.height - before
            self.back = self.back * self._wrapped.height // was if was else self.back + grown

    def reveal(self) -> None:
        """Show the names from now on."""
        self._mask = NOTHING
        self._width = 0

    def scroll(self, rows: int, height: int) -> None:
        """Scroll up, or down if negative; not past the first row."""
        self.back = max(0, min(self.back + rows, self._wrapped.height - height))

    def rows(self, width: int, height: int) -> list[str]:
        """Return what is seen of the text, in rows of exactly so many columns."""
        self._grown(width)
        self.back = max(0, min(self.back, self._wrapped.height - height))
        found = [fitted(row, width) for row in self._wrapped.rows(height, self.back)]
        return found + [" " * width] * (height - len(found))


class Shown:
    """What stands around the answers.

    :ivar numbers: whether speeds are shown: they might tell who it is
    :ivar winner: place of the chosen answer
    """

    def __init__(self) -> None:
        self.focus = 0
        self.numbers = True
        self.winner: int | None = None
        self.titles: Sequence[str] = ()


def head(place: int, column: Column, shown: Shown, now: float) -> str:
    """Return the line above an answer: who it is, and how far."""
    title = visible(shown.titles[place])
    if column.over or column.began is None:
        text = f"{place + 1} {title} {_WORDS[column.state]}"
        run = column.runs[-1] if column.runs else None
        if run is None or column.state != "done":
            return text
        rate = run.numbers.tokens_per_second
        told = f", {rate:.1f} tokens/s" if rate is not None and shown.numbers else ""
        return f"{place + 1} {title}: {run.numbers.seconds or 0:.1f} s{told}"
    again = f" ({len(column.runs) + 1})" if column.runs else ""
    return f"{place + 1} {title}{again} {_WORDS[column.state]}, {now - column.began:.0f} s"


def beside(width: int, count: int) -> bool:
    """Whether so many models have room beside each other."""
    return count == 1 or (width - len(BETWEEN) * (count - 1)) // count >= LEAST


def frame(panes: Sequence[Pane], shown: Shown, size: tuple[int, int], now: float) -> list[Row]:
    """Return the rows of the answers.

    :param size: columns and rows
    """
    width, height = size
    if beside(width, len(panes)):
        return _beside(panes, shown, width, height, now)
    return _stacked(panes, shown, width, height, now)


def text_height(size: tuple[int, int], count: int) -> int:
    """Return how many rows of a text are seen at least."""
    width, height = size
    return max(1, height - 1) if beside(width, count) else max(1, height // _fit(height, count) - 1)


def _fit(height: int, count: int) -> int:
    """Return how many models are seen at once, one above the other: each needs its head and two rows."""
    return max(1, min(count, height // 3))


def _style(place: int, shown: Shown) -> str:
    if shown.winner == place:
        return "class:winner"
    return "class:focus" if shown.focus == place else "class:head"


def _beside(panes: Sequence[Pane], shown: Shown, width: int, height: int, now: float) -> list[Row]:
    each = (width - len(BETWEEN) * (len(panes) - 1)) // len(panes)
    first: Row = []
    texts = []
    for place, pane in enumerate(panes):
        text = fitted(head(place, pane.column, shown, now), each)
        first += [*([("class:line", BETWEEN)] if place else []), (_style(place, shown), text)]
        texts.append(pane.rows(each, max(1, height - 1)))
    rows: list[Row] = [first]
    for line in zip(*texts, strict=True):
        row: Row = []
        for place, text in enumerate(line):
            row += [*([("class:line", BETWEEN)] if place else []), ("", text)]
        rows.append(row)
    return rows[:height]


def _stacked(panes: Sequence[Pane], shown: Shown, width: int, height: int, now: float) -> list[Row]:
    fit = _fit(height, len(panes))
    begin = max(0, min(shown.focus - fit + 1, len(panes) - fit))
    each, left = divmod(height, fit)
    rows: list[Row] = []
    for number, place in enumerate(range(begin, begin + fit)):
        rows.append([(_style(place, shown), fitted(head(place, panes[place].column, shown, now), width))])
        rows += [[("", text)] for text in panes[place].rows(width, max(1, each - 1 + (number < left)))]
    return rows[:height]
