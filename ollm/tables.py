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


def drawn(columns: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str], width: int) -> Table:
    """Return a table; where it is wider than the terminal, columns are left out, which is said below.

    :param spare: columns that may be left out, the first of them first
    :param width: of the terminal, in columns
    """
    shown = fitting_columns(columns, rows, spare, width)
    left_out = [column for column in columns if column not in shown]
    numbers = [columns.index(column) for column in shown]
    headings = sum(map(cell_len, shown)) + _GAP * len(shown) <= width  # else they have to break as well
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption_justify="left")
    for number, column in enumerate(shown):
        least = cell_len(column) if headings else None
        table.add_column(column, no_wrap=number == 0, overflow="fold", min_width=least)
    for row in rows:
        table.add_row(*(Text(row[number], overflow="fold") for number in numbers))
    if left_out:
        table.caption = Text(f"Too narrow for: {', '.join(left_out)}", style="dim")
    return table


def fitting_columns(
    columns: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[str], width: int
) -> list[str]:
    """Return the columns that are shown: all, or as many as can be without breaking cells."""
    widths = {
        column: max(map(cell_len, [column, *(line for row in rows for line in row[number].split("\n"))]))
        for number, column in enumerate(columns)
    }
    shown = list(columns)
    for column in spare:
        if sum(widths[each] + _GAP for each in shown) <= width:
            break
        if column in shown:
            shown.remove(column)
    return shown


def broken(text: str, width: int) -> str:
    """Return a text whose lines break between words.

    :param width: of the terminal, in columns
    """
    console = Console(width=width)
    lines = (Text(line).wrap(console, width) if cell_len(line) > width else [line] for line in text.split("\n"))
    return "\n".join(str(row) for rows in lines for row in rows)
