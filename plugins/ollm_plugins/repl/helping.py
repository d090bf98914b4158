"""How does a newcomer find what there is?

One page tells of everything in a line each; what stands there leads to more.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ollm.api import Node

    Rows = Sequence[tuple[str, str]]

KEYS: Final = (
    ("Ctrl-C", "Stop the answer or the command; at the prompt, clear the line."),
    ("Ctrl-D", "Leave, on an empty line."),
    ("Tab", "Complete a command, its options and values, or a path after @."),
    ("Up, Down", "Earlier lines, of this folder first."),
    ("Ctrl-R", "Search earlier lines; the right arrow takes the one that is proposed in grey."),
    ("Alt-Enter", "Begin a new line; so does Enter after a backslash."),
    ('"""', "Begin a text of many lines, and end it."),
    ("Ctrl-X Ctrl-E", "Write the line in your editor."),
    ("@path", "Send a text file or an image with the prompt."),
    ("!command", "Run a command of your shell; !! shows the model what it wrote."),
    ("//text", "Send a text that begins with a slash."),
)
TOPICS: Final = {
    "commands": "What each command does that stands alone.",
    "keys": "What keys and signs do.",
    "all": "Every command.",
}
"""Words after /help that are no commands."""

_ALONE: Final = "Commands (/help commands explains)"
_GROUPS: Final = "Groups of commands (/help GROUP lists)"
_MORE: Final = (
    "Keys, @path, !command and other signs: /help keys",
    "/help COMMAND explains it, /help WORD finds it, /help all lists all.",
)
_NARROWEST: Final = 24
"""Columns that a summary needs beside its name; with fewer it goes below."""


def page(root: Node, width: int) -> Iterator[str]:
    """Yield the lines that tell of everything: commands by their names, groups with what they are for.

    :param width: of the terminal, in columns
    """
    alone = [name for name, _ in _alone(root)]
    groups = [(f"/{name}", child.summary) for name, child in sorted(root.children.items()) if _is_group(child)]
    yield from _lines(_ALONE, width)
    yield from _run(alone, width)
    yield from _lines(_GROUPS, width)
    yield from _table(groups, width)
    for text in _MORE:
        yield from _lines(text, width)


def topic(root: Node, name: str, width: int) -> Iterator[str]:
    """Yield the lines of one of the topics."""
    if name == "all":
        yield from overview(root, width)
        return
    yield from _table(KEYS if name == "keys" else _alone(root), width)


def found(root: Node, word: str, width: int) -> list[str]:
    """Return the lines on commands and keys that have to do with a word."""
    rows = [*((f"/{path}", node.summary) for path, node in root.walk()), *KEYS]
    return list(_table([row for row in rows if any(word.lower() in text.lower() for text in row)], width))


def overview(root: Node, width: int) -> Iterator[str]:
    """Yield the lines that list all commands, group by group, and the keys."""
    groups: dict[str, list[tuple[str, str]]] = {"": []}
    for path, node in root.walk():
        first = path.partition(" ")[0]
        group = first if _is_group(root.children[first]) else ""
        groups.setdefault(group, []).append((f"/{path}", node.summary))
    column = _column((*groups.values(), KEYS))
    for group, rows in groups.items():
        yield f"{group}: {root.children[group].summary}".rstrip(": ") if group else "Commands"
        yield from _table(rows, width, column)
        yield ""
    yield "Keys"
    yield from _table(KEYS, width, column)


def _is_group(node: Node) -> bool:
    return any(child.is_mounted for child in node.children.values())


def _alone(root: Node) -> list[tuple[str, str]]:
    return [(f"/{path}", node.summary) for path, node in root.walk() if path in root.children and not _is_group(node)]


def _lines(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(text, max(width - 1, 10), initial_indent=indent, subsequent_indent=indent)


def _run(words: Iterable[str], width: int) -> list[str]:
    """Return words one after the other, unbroken."""
    return _lines("  ".join(words), width, "  ")


def _column(tables: Iterable[Rows]) -> int:
    """Return where summaries begin that stand beside their names."""
    return max((len(name) for rows in tables for name, _ in rows), default=0) + 4


def _table(rows: Rows, width: int, column: int = 0) -> Iterator[str]:
    column = column or _column((rows,))
    beside = width - column >= _NARROWEST
    indent = column if beside else 6
    for name, summary in rows:
        lines = textwrap.wrap(summary, max(width - indent - 1, 10)) or [""]
        if beside:
            yield f"  {name:<{column - 2}}{lines.pop(0)}".rstrip()
        else:
            yield f"  {name}"
        yield from (" " * indent + line for line in lines)
