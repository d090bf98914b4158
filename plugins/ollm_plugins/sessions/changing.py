"""What do `session fork` and `session rename` do?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from ollm.api import CommandContext, Json, UsageError
from ollm_plugins.sessions import reading
from ollm_plugins.sessions.kept import KeptSession, clean
from ollm_plugins.sessions.listing import Session, described, many
from ollm_plugins.sessions.meaning import meant, short
from ollm_plugins.sessions.resuming import go_on
from ollm_plugins.sessions.saving import fork as copy
from ollm_plugins.sessions.saving import seen_in
from ollm_plugins.sessions.service import sessions_of

if TYPE_CHECKING:
    from sqlite3 import Connection

LONGEST = 200
"""Characters of a title."""


def fork(
    ctx: CommandContext,
    session: Session = "",
    *,
    at: Annotated[int | None, typer.Option("--at", min=1, help="Only the first so many turns.", metavar="N")] = None,
    as_json: Json = False,
) -> None:
    """Begin another session with the turns of one; in the REPL, you go on in it."""
    source = meant(ctx, session)
    service = sessions_of(ctx.app.context)
    if at is not None and at > source.turns:
        remedy = "`ollm session show` shows them."
        raise UsageError(f"The session has only {many(source.turns)}", remedy)
    target = uuid4().hex

    def work(connection: Connection) -> KeptSession | None:
        seen = seen_in(connection, source.id)
        turns = [each for each in seen.turns if each[2] > 1][:at] if seen is not None else []
        copy(connection, source.id, target, turns, time.time())
        return reading.session(connection, target)

    made = service.change(work)
    if ctx.conversation is not None:
        go_on(ctx.conversation, service, target)
    if as_json:
        ctx.out.document(described(made) if made else None)
    else:
        said = f"Session {short(ctx.app.context, target)} begins with {many(made.turns if made else 0)} of '{source.title}'"
        ctx.out.prose(said + ("; you go on in it" if ctx.conversation is not None else ""))


def rename(
    ctx: CommandContext,
    session: Session,
    title: Annotated[list[str], typer.Argument(help="The new title.", metavar="TITLE…")],
    *,
    as_json: Json = False,
) -> None:
    """Give a session another title; in the REPL, `this` is the one under way."""
    words = clean(" ".join(" ".join(title).split()))[:LONGEST]
    if not words:
        raise UsageError("A title needs at least one letter")
    found = meant(ctx, session)
    service = sessions_of(ctx.app.context)
    service.change(lambda connection: connection.execute("UPDATE sessions SET title=? WHERE id=?", (words, found.id)))
    if as_json:
        ctx.out.document({"id": found.id, "title": words})
    else:
        ctx.out.prose(f"'{found.title}' is now '{words}'")
