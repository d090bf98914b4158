"""How is a table of an answer drawn?

It can be drawn only when its columns are known, so its lines are shown raw until it is over or half a screen is full;
then the columns have their widths, and further rows are drawn as they come.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal

from rich.text import Text

from ollm_plugins.repl.inline import inline
from ollm_plugins.repl.wrapping import cells, fitted, longest, row_ends

if TYPE_CHECKING:
    from ollm_plugins.repl.canvas import Canvas
    from ollm_plugins.repl.look import Look

    Side = Literal["left", "center", "right"]

NARROWEST: Final = 6
"""Columns of the terminal that each column needs; with fewer, each cell gets a row, its column's name before it."""

WORD: Final = 20
"""Columns of the terminal that a word may ask for, so that it is not broken, before each cell gets a row."""

SPARE: Final = 1.5
"""How much wider than what is there a column is made when further rows may come."""

_CELL: Final = re.compile(r"(?:\\.|`[^`]*`|[^|\\`]|[\\`])*")
_RULE: Final = re.compile(r"\s*:?-+:?\s*")


def cells_of(line: str) -> list[str]:
    """Return the cells of a table's line."""
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    found, at = [], 0
    while at <= len(inner):
        cell = _CELL.match(inner, at)
        end = cell.end() if cell is not None else at
        found.append(inner[at:end].strip().replace("\\|", "|"))
        at = end + 1
    return found


def is_rule(line: str) -> bool:
    """Say whether a line is the one below a table's head."""
    return "-" in line and all(_RULE.fullmatch(cell) for cell in cells_of(line))


class Table:
    """A table under way: its head, and rows as they come.

    :param head: its first line
    :param rule: its second line, which says on which side each column stands
    """

    def __init__(self, canvas: Canvas, look: Look, head: str, rule: str, lead: str = "") -> None:
        self._canvas = canvas
        self._look = look
        self._lead = lead
        self._head = self._styled(head)
        self._sides = [_side(cell) for cell in cells_of(rule)]
        self._rows: list[list[Text]] = []
        self._widths: list[int] | None = None
        self._drawn = False
        self._line = ""
        self._show(head)
        self._show(rule)

    def feed(self, text: str) -> None:
        """Take in a piece of a line."""
        self._line += text

    def break_line(self) -> None:
        """Take in a row."""
        line, self._line = self._line, ""
        if not line:
            return
        self._rows.append(self._styled(line))
        if self._widths is not None:
            self._draw(head=False)
            return
        self._show(line)
        if self._canvas.tail_rows > self._canvas.bound:
            self._settle(more=True)

    def end(self) -> None:
        """Draw what is not drawn yet."""
        self.break_line()
        if self._widths is None:
            self._settle()

    def _show(self, line: str) -> None:
        self._canvas.show(fitted(line.strip().replace("\t", " "), self._canvas.width) + "\n")

    def _styled(self, line: str) -> list[Text]:
        return [inline(cell, self._look.theme) for cell in cells_of(line)]

    def _settle(self, *, more: bool = False) -> None:
        """Fix the widths and draw what is there.

        :param more: whether further rows may come, which may need more than these
        """
        if not self._canvas.take_back():
            self._rows.clear()
        self._widths = self._measured(SPARE if more else 1.0)
        self._draw(head=True)

    def _measured(self, spare: float) -> list[int]:
        """Give each column what it needs, as long as there is room; the widest ones give way first, words last."""
        count = max(len(self._head), 1)
        room = self._canvas.width - cells(self._lead) - 3 * (count - 1)
        if room < NARROWEST * count:
            return []
        columns = [[row[at].plain for row in (self._head, *self._rows) if at < len(row)] for at in range(count)]
        widths = [max(1, *(math.ceil(cells(text) * spare) for text in column)) for column in columns]
        words = [min(max(1, *map(longest, column)), WORD) for column in columns]
        if sum(words) > room:
            return []
        while sum(widths) > room:
            over = [width if width > word else 0 for width, word in zip(widths, words, strict=True)]
            widths[over.index(max(over))] -= 1
        return widths

    def _draw(self, *, head: bool) -> None:
        rows, self._rows = self._rows, []
        drawn = self._as_list(rows) if not self._widths else self._as_table(rows, self._widths, head=head)
        for line in drawn:
            self._canvas.line(self._lead + line)
        self._drawn = True

    def _as_list(self, rows: list[list[Text]]) -> list[str]:
        """Return each cell on a line of its own, broken into rows."""
        lines: list[str] = []
        for row in rows or ([] if self._drawn else [self._head]):
            if lines or self._drawn:
                lines.append("")
            for at, cell in enumerate(row):
                name = self._head[at].plain if rows and at < len(self._head) else ""
                lines += self._broken(Text.assemble((f"{name}: " if name else "", self._look.theme.strong), cell))
        return lines

    def _broken(self, line: Text) -> list[str]:
        ends = row_ends(line.plain, max(self._canvas.width - cells(self._lead), 4))
        parts = [line[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        for part in parts:
            part.rstrip()
        return [self._look.ansi(part) for part in parts]

    def _as_table(self, rows: list[list[Text]], widths: list[int], *, head: bool) -> list[str]:
        from rich import box
        from rich.table import Table as Grid

        edge = self._look.theme.mark or "none"
        grid = Grid(box=box.SIMPLE_HEAD, show_header=head, show_edge=False, pad_edge=False, border_style=edge)
        for at, width in enumerate(widths):
            side: Side = self._sides[at] if at < len(self._sides) else "left"
            name = self._head[at] if at < len(self._head) else Text()
            grid.add_column(name, width=width, justify=side, overflow="fold", header_style=self._look.theme.strong)
        for row in rows:
            grid.add_row(*[*row, *[Text()] * len(widths)][: len(widths)])
        if not rows and not head:
            return []
        return self._look.drawn(grid, self._canvas.width - cells(self._lead)).rstrip("\n").split("\n")


def _side(cell: str) -> Side:
    left, right = cell.startswith(":"), cell.endswith(":")
    return "center" if left and right else "right" if right else "left"
