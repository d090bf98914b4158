"""What do `/help`, `/new` and `/exit` do?"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ollm.api import CommandContext, Completes, UsageError, nearest, tree
from ollm_plugins.repl.helping import TOPICS, found, page, topic
from ollm_plugins.repl.slash import Slash


class Leave(BaseException):
    """The user wants to leave; no error, so that no guard takes it for one."""


def leave() -> None:
    """Leave ollm."""
    raise Leave


def begin_anew(ctx: CommandContext) -> None:
    """Begin a new conversation; the model forgets this one."""
    if ctx.conversation is not None:
        ctx.conversation.clear()
    ctx.out.prose("A new conversation begins.")


def change_folder(
    ctx: CommandContext,
    folder: Annotated[
        str | None, typer.Argument(help="A path; ~ is your home folder.", metavar="[FOLDER]"), Completes("folder")
    ] = None,
) -> None:
    """Work in another folder; what holds in a project changes with it. Without FOLDER, say in which you are."""
    if folder is not None:
        ctx.app.enter(Path(os.path.expanduser(folder)))  # noqa: PTH111  (Path.expanduser fails on an unknown user)
    ctx.out.print(str(ctx.app.workspace))


def show_help(
    ctx: CommandContext,
    command: Annotated[
        list[str] | None, typer.Argument(help="A command or group, e.g. model list; `keys`, `commands`, `all`; a word.")
    ] = None,
) -> None:
    """Tell on one page what there is; explain a command, list a group or a topic, or find what a word stands for."""
    width = shutil.get_terminal_size().columns
    root = tree(ctx.app.hub, "repl")
    words = list(command or ())
    first = words[0].removeprefix("/") if words else ""
    if not words:
        lines = list(page(root, width))
    elif first in root.children or len(words) > 1:
        Slash(ctx.app, ctx.conversation).run([first, *words[1:], "--help"])
        return
    elif first in TOPICS:
        lines = list(topic(root, first, width))
    else:
        lines = found(root, words[0], width)
        if not lines:
            known = [*root.children, *TOPICS]
            raise UsageError(f"Nothing here is called '{first}'{nearest(first, known)}", "/help tells what there is.")
    for line in lines:
        ctx.out.print(line)
