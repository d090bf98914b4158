"""What do `/help`, `/new` and `/exit` do?"""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ollm.api import CommandContext, Node, tree
from ollm_plugins.repl.slash import Slash

KEYS = (
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
_NARROWEST = 24
"""Columns that a summary needs beside its name; with fewer it goes below."""


class Leave(BaseException):
    """The user wants to leave; no error, so that no guard takes it for one."""


def leave() -> None:
    """Leave ollm."""
    raise Leave


def begin_anew(ctx: CommandContext) -> None:
    """Begin a new conversation; the model forgets this one."""
    if ctx.conversation is not None:
        ctx.conversation.clear()
    ctx.out.print("A new conversation begins.")


def change_folder(
    ctx: CommandContext,
    folder: Annotated[str | None, typer.Argument(help="A path; ~ is your home folder.", metavar="[FOLDER]")] = None,
) -> None:
    """Work in another folder; what holds in a project changes with it. Without FOLDER, say in which you are."""
    if folder is not None:
        ctx.app.enter(Path(os.path.expanduser(folder)))  # noqa: PTH111  (Path.expanduser fails on an unknown user)
    ctx.out.print(str(ctx.app.workspace))


def show_help(
    ctx: CommandContext,
    command: Annotated[list[str] | None, typer.Argument(help="The command to explain, e.g. model list.")] = None,
) -> None:
    """List the commands and keys, or explain one command."""
    if command:
        words = [command[0].removeprefix("/"), *command[1:]]
        Slash(ctx.app, ctx.conversation).run([*words, "--help"])
        return
    width = shutil.get_terminal_size().columns
    for line in overview(tree(ctx.app.hub, "repl"), width):
        ctx.out.print(line)


def overview(root: Node, width: int) -> Iterator[str]:
    """Yield the lines that list all commands, group by group, and the keys.

    :param width: of the terminal, in columns
    """
    groups: dict[str, list[tuple[str, str]]] = {"": []}
    for path, node in root.walk():
        first = path.partition(" ")[0]
        group = first if root.children[first].children else ""
        groups.setdefault(group, []).append((f"/{path}", node.summary))
    column = max(len(name) for rows in (*groups.values(), KEYS) for name, _ in rows) + 4
    for group, rows in groups.items():
        yield f"{group}: {root.children[group].summary}".rstrip(": ") if group else "Commands"
        yield from _table(rows, column, width)
        yield ""
    yield "Keys"
    yield from _table(KEYS, column, width)
    yield ""
    yield "/help COMMAND or /COMMAND --help explains a command."


def _table(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...], column: int, width: int) -> Iterator[str]:
    beside = width - column >= _NARROWEST
    indent = column if beside else 6
    for name, summary in rows:
        lines = textwrap.wrap(summary, max(width - indent - 1, 10)) or [""]
        if beside:
            yield f"  {name:<{column - 2}}{lines.pop(0)}".rstrip()
        else:
            yield f"  {name}"
        yield from (" " * indent + line for line in lines)
