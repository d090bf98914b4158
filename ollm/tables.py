"""How is a table drawn on a terminal, and where does a text break? Apart from `output`, so that rich is imported only then."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GAP = 2
"""Columns of the terminal between two of the table."""

_WORD = 16
"""Up to how many columns a word is spared; longer ones are mostly paths, which break where they must."""


def drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str], width: int) -> Table:
    """Return a table; where it is wider than the terminal, columns are left out, which is said below.

    Nobody is told of a column that is left out because nothing stands in it. If words had to be broken even so, the
    cells of a row stand one below the other instead.

    :param spare: columns that may be left out, the first of them first
    :param width: of the terminal, in columns
    """
    shown = fitting_columns(columns, rows, spare, width)
    numbers = [columns.index(column) for column in shown]
    left_out = [each for number, each in enumerate(columns) if each not in shown and _is_used(number, rows)]
    cells = [[row[number] for number in numbers] for row in rows]
    shares = _shares(
        [[column, *texts] for column, *texts in zip(shown, *cells, strict=True)], width - _GAP * len(shown)
    )
    table = _side_by_side(shown, cells, shares) if shares or not rows else _below_each_other(shown, cells)
    if left_out:
        table.caption = Text(f"Too narrow for: {', '.join(left_out)}", style="dim")
    return table


def _side_by_side(columns: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[int]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, width=shares[number] if shares else None, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    return table


def _below_each_other(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.caption_justify = "left"
    for column in ("heading", "cell"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row()
        for column, cell in zip(columns, row, strict=True):
            if cell:
                table.add_row(Text(column, style="bold"), Text(cell, overflow="fold"))
    table.add_row()
    return table


def fitting_columns(
    columns: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str], width: int
) -> list[str]:
    """Return the columns that are shown: all, or as many as can be without breaking cells; empty ones go first."""
    widths = {column: _widest([column, *(row[number] for row in rows)]) for number, column in enumerate(columns)}
    empty = [column for number, column in enumerate(columns) if number and rows and not _is_used(number, rows)]
    shown = list(columns)
    for column in (*empty, *spare):
        if sum(widths[each] + _GAP for each in shown) <= width:
            break
        if column in shown:
            shown.remove(column)
    return shown


def _is_used(number: int, rows: Sequence[Sequence[str]]) -> bool:
    return any(row[number] for row in rows)


def _widest(texts: Sequence[str]) -> int:
    """Return how wide the widest line of some texts is."""
    return max(cell_len(line) for text in texts for line in text.split("\n"))


def _shares(columns: Sequence[Sequence[str]], room: int) -> list[int]:
    """Return how wide each column is: as its text is, or else the widest are cut down to one measure.

    So headings and words stay whole; rich would break any, and let a row end beyond the terminal.

    :param columns: the texts of each, the heading first
    :return: nothing, if there is no room for that
    """
    wide = [_widest(texts) for texts in columns]
    words = [min(_widest([word for text in texts for word in text.split()] or [""]), _WORD) for texts in columns]
    least = [max(_widest(texts[:1]), word) for texts, word in zip(columns, words, strict=True)]
    if wide[0] + sum(least[1:]) <= room:  # the first column is mostly a name
        least[0] = wide[0]
    if sum(least) > room:
        return []
    most = max(wide)
    while sum(map(min, wide, [max(most, each) for each in least])) > room:
        most -= 1
    return [*map(min, wide, [max(most, each) for each in least])]


def broken(text: str, width: int) -> str:
    """Return a text whose lines break between words.

    :param width: of the terminal, in columns
    """
    console = Console(width=width)
    lines = (Text(line).wrap(console, width) if cell_len(line) > width else [line] for line in text.split("\n"))
    return "\n".join(str(row) for rows in lines for row in rows)
