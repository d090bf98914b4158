"""How does a session become a file?"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Completes, Json, UsageError, to_document, write_atomically
from ollm_plugins.sessions.kept import KeptSession, KeptTurn, iso
from ollm_plugins.sessions.listing import described, described_turn, many
from ollm_plugins.sessions.meaning import Meant, meant
from ollm_plugins.sessions.service import sessions_of

VERSION = 1
"""Of the JSON document; grows when something is taken away or changes its meaning."""
ENDINGS = {".md": "markdown", ".markdown": "markdown", ".json": "json", ".html": "html", ".htm": "html"}
FORMATS = ("markdown", "json", "html")


def export(
    ctx: CommandContext,
    session: Annotated[Meant, typer.Argument(help="An id, a number in the list, a title, `last` or `this`.")] = "",
    file: Annotated[
        str | None, typer.Argument(help="Where to; without one, it is printed.", metavar="[FILE]"), Completes("path")
    ] = None,
    *,
    form: Annotated[
        str | None, typer.Option("--format", "-f", help="markdown, json or html; else as the file's name ends.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write a session as Markdown, JSON or HTML: all that holds, and in JSON also what was taken back."""
    found = meant(ctx, session)
    kind = _form(form, file, as_json=as_json)
    turns = sessions_of(ctx.app.context).turns(found.id, gone=kind == "json")
    if file is None and kind == "json":
        ctx.out.document(document(found, turns))
        return
    text = written(found, turns, kind)
    if file is None:
        ctx.out.write(text)
        return
    path = Path(os.path.expanduser(file))  # noqa: PTH111  (Path.expanduser fails on an unknown user)
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", "Add --force to replace it.")
    write_atomically(path, text)
    ctx.out.say(f"ollm: {many(found.turns)} written to {path}.")


def _form(form: str | None, file: str | None, *, as_json: bool) -> str:
    """:raises UsageError: there is no such form"""
    if form is None:
        return "json" if as_json else ENDINGS.get(Path(file).suffix.lower(), "markdown") if file else "markdown"
    named = "markdown" if form.lower() == "md" else form.lower()
    if named not in FORMATS:
        raise UsageError(f"There is no format '{form}'", f"Choose one of {', '.join(FORMATS)}.")
    return named


def written(session: KeptSession, turns: Sequence[KeptTurn], form: str) -> str:
    """Return a session as text, in one of the forms."""
    if form == "json":
        return json.dumps(document(session, turns), indent=2, ensure_ascii=False) + "\n"
    if form == "html":
        from ollm_plugins.sessions.page import page

        return page(session, turns)
    from ollm_plugins.sessions.markdown import markdown

    return markdown(session, turns)


def document(session: KeptSession, turns: Sequence[KeptTurn]) -> dict[str, Any]:
    """Return a session as data, complete."""
    said = [described_turn(each) for each in turns]
    head: dict[str, Any] = to_document(described(session))
    return {"version": VERSION, "format": "ollm-session", **head, "updated": iso(session.updated), "turns": said}
