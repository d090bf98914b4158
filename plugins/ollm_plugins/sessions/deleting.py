"""How are sessions deleted, so that nothing of them stays in the file?"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ollm.api import CommandContext, Completes, Json, UsageError, Yes
from ollm_plugins.sessions import reading
from ollm_plugins.sessions.kept import KeptSession
from ollm_plugins.sessions.meaning import find
from ollm_plugins.sessions.service import Sessions, sessions_of

if TYPE_CHECKING:
    from sqlite3 import Connection

_AGE = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def delete(
    ctx: CommandContext,
    session: Annotated[
        list[str] | None,
        typer.Argument(help="Ids, numbers in the list or titles.", metavar="[SESSION…]"),
        Completes("session"),
    ] = None,
    *,
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Those not gone on with for so long, as 30d, 2w or 12h.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All sessions.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete sessions, with all that was said in them, after a question."""
    service = sessions_of(ctx.app.context)
    wanted = _wanted(ctx, service, session or (), older_than, every=every)
    is_refused = bool(wanted) and not yes and not _agreed(ctx, wanted)
    if is_refused:
        ctx.out.say("ollm: Nothing has changed.")
        wanted = []
    elif wanted:
        remove(service, [each.id for each in wanted])
        _leave(ctx, service, wanted)
    if as_json:
        ctx.out.document({"deleted": [each.id for each in wanted]})
    elif not is_refused:
        ctx.out.print(f"{len(wanted)} session{'' if len(wanted) == 1 else 's'} deleted")


def _wanted(
    ctx: CommandContext, service: Sessions, words: Sequence[str], older_than: str | None, *, every: bool
) -> list[KeptSession]:
    """:raises UsageError: it is not said which, or in two ways"""
    if sum((bool(words), older_than is not None, every)) != 1:
        remedy = "`ollm session list` lists them."
        raise UsageError("Say which sessions: by name, with --older-than, or --all", remedy)
    if words:
        found = [find(service, word, ctx.conversation) for word in words]
        return list({each.id: each for each in found}.values())
    before = time.time() - seconds_of(older_than) if older_than is not None else float("inf")
    return [each for each in service.read(reading.sessions, ()) if each.updated < before]


def seconds_of(age: str) -> float:
    """Return the seconds of an age such as 30d.

    :raises UsageError: it is none
    """
    said = _AGE.fullmatch(age)
    if said is None:
        raise UsageError(f"'{age}' is no age", "Write a number of hours, days or weeks: 12h, 30d, 2w.")
    return int(said[1]) * _UNITS[said[2]]


def _agreed(ctx: CommandContext, wanted: Sequence[KeptSession]) -> bool:
    """:raises UsageError: nobody can be asked"""
    if not ctx.out.can_ask:
        raise UsageError("Nobody can be asked whether to delete sessions", "Add --yes.")
    what = f"'{wanted[0].title}'" if len(wanted) == 1 else f"{len(wanted)} sessions"
    return ctx.out.confirm(f"Delete {what} for good?")


def remove(service: Sessions, identities: Sequence[str]) -> None:
    """Delete sessions; where they stood, the file has zeros.

    :raises OllmError: the file cannot be written
    """

    def work(connection: Connection) -> None:
        for identity in identities:
            connection.execute("DELETE FROM sessions WHERE id=?", (identity,))
            connection.execute("DELETE FROM notes WHERE session=?", (identity,))
        connection.execute("INSERT INTO words(words) VALUES('optimize')")

    service.change(work, wipe=True)


def _leave(ctx: CommandContext, service: Sessions, deleted: Sequence[KeptSession]) -> None:
    """Begin a new conversation if the one under way was deleted: else its next turn would bring it back."""
    if ctx.conversation is None:
        return
    if service.recorder.where(ctx.conversation.id) in {each.id for each in deleted}:
        ctx.conversation.clear()
        ctx.out.say("ollm: The conversation under way was deleted, too; a new one begins.")
