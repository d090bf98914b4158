"""How is it drawn of which parts a context is full?"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ollm_plugins.context.parts import Part

if TYPE_CHECKING:
    from ollm.api import Output

WIDEST: Final = 64
"""Cells of the bar."""

_LOOKS: Final = {
    "system prompt": ("S", "bright_blue"),
    "memories": ("M", "magenta"),
    "summary": ("Y", "yellow"),
    "tools": ("T", "cyan"),
    "history": ("H", "green"),
    "prompt": ("P", "bright_white"),
    "tool results": ("R", "red"),
    "template": ("-", "bright_black"),
    "free": (".", "bright_black"),
}
"""The letter of each part, and its colour."""


def draw(out: Output, parts: Sequence[Part], size: int) -> None:
    """Write one line of blocks, and under it what they stand for.

    :param size: of the context, in tokens
    """
    free = Part("free", max(size - sum(part.tokens for part in parts), 0))
    shown = [*parts, free]
    columns = min(shutil.get_terminal_size().columns - 2, WIDEST)
    cells = list(zip(shown, cells_of([part.tokens for part in shown], columns), strict=True))
    legend = [(part, f"{part.name:<13} {part.tokens:>9,} {100 * part.tokens / size:>4.0f}%") for part in shown]
    encoding = getattr(out.stdout, "encoding", None) or "utf-8"
    if out.linear or not out.color or not encoding.lower().startswith("utf"):
        out.print("[" + "".join(_LOOKS[part.name][0] * count for part, count in cells) + "]")
        for part, line in legend:
            out.print(f"{_LOOKS[part.name][0]} {line}")
        return
    _colored(out, cells, legend)


def _colored(out: Output, cells: Sequence[tuple[Part, int]], legend: Sequence[tuple[Part, str]]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(file=out.stdout, force_terminal=True, highlight=False)
    bar = Text()
    for part, count in cells:
        bar.append(_block(part) * count, _LOOKS[part.name][1])
    console.print(bar)
    for part, line in legend:
        console.print(Text.assemble((_block(part), _LOOKS[part.name][1]), f" {line}"))


def _block(part: Part) -> str:
    return "░" if part.name == "free" else "█"


def say(out: Output, text: str) -> None:
    """Write a sentence, in as many lines as it takes on a terminal."""
    columns = shutil.get_terminal_size().columns if out.is_terminal else len(text) + 1
    for line in textwrap.wrap(text, max(columns - 1, 20)):
        out.print(line)


def cells_of(tokens: Sequence[int], columns: int) -> list[int]:
    """Return how many cells each part gets: at least one if there is anything of it, and together all of them."""
    total = max(sum(tokens), 1)
    cells = [max(round(columns * each / total), int(each > 0)) for each in tokens]
    while sum(cells) != columns and any(cells):
        largest = cells.index(max(cells))
        cells[largest] += 1 if sum(cells) < columns else -1
    return cells
