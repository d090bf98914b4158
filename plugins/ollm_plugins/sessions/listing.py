"""What do the commands show of sessions?"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Json, Usage, camel, to_document
from ollm_plugins.sessions import reading
from ollm_plugins.sessions.kept import UNSAVED, KeptSession, KeptTurn, iso, project_of, text_of, when
from ollm_plugins.sessions.meaning import Meant, meant, shown
from ollm_plugins.sessions.service import sessions_of

Session = Annotated[
    Meant, typer.Argument(help="An id or a title, or the beginning of it; a number in the list; `last` or `this`.")
]
MOST = 10**9
"""That can be asked for; SQLite counts no further than 2^63."""
LIST = 20
"""Sessions that are listed when nobody says how many."""
COLUMNS = ("#", "id", "when", "turns", "model", "project", "title")
SPARE = ("project", "model", "turns")
"""Columns that are left out where the terminal is too narrow, the first of them first."""
SHORTEST = 12
"""Columns of the terminal that a title keeps at least."""


def list_all(
    ctx: CommandContext,
    *,
    here: Annotated[bool, typer.Option("--here", help="Only those of this project.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, max=MOST, help="How many; 0 for all.")] = LIST,
    as_json: Json = False,
) -> None:
    """List the sessions that are kept, the last one first."""
    service = sessions_of(ctx.app.context)
    project = project_of(text_of(ctx.app.workspace)) if here else ""
    known = service.read(reading.ids, ())
    found = service.read(lambda connection: reading.sessions(connection, project=project, limit=limit or -1), ())
    if as_json:
        ctx.out.document([described(each) for each in found])
    elif not found:
        ctx.out.print("No session of this project is kept" if here and known else "No session is kept yet")
    else:
        places, names = {identity: at for at, identity in enumerate(known, 1)}, shown(known)
        rows = [(places.get(each.id, ""), names.get(each.id, each.id), *_row(each)) for each in found]
        if ctx.out.is_terminal:
            rows = _short(rows, shutil.get_terminal_size().columns)
        ctx.out.table(COLUMNS, rows, SPARE)
        if 0 < limit < len(known) and not here:
            ctx.out.say(f"ollm: These are the last {limit} of {len(known)} sessions; --limit 0 lists all.")


def _short(rows: list[tuple[object, ...]], width: int) -> list[tuple[object, ...]]:
    """Cut titles rather than have other columns left out.

    :param width: of the terminal, in columns
    """
    from rich.cells import cell_len
    from rich.text import Text

    others = [max(cell_len(str(each)) for each in column) + 2 for column in zip(COLUMNS, *rows, strict=True)][:-1]
    room = width - sum(others) - 2
    for name in SPARE:
        room += others[COLUMNS.index(name)] if room < SHORTEST else 0
    titles = [Text(str(row[-1])) for row in rows]
    for title in titles:
        title.truncate(max(room, SHORTEST), overflow="ellipsis")
    return [(*row[:-1], title.plain) for row, title in zip(rows, titles, strict=True)]


def _row(session: KeptSession) -> tuple[object, ...]:
    project = session.project.rstrip("/").rpartition("/")[2] or session.project
    return ago(session.updated), session.turns, session.model.partition("/")[2], project, session.title


def ago(at: float) -> str:
    """Say how long ago something was."""
    seconds = max(0.0, time.time() - at)
    for length, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago" if seconds < 60 * 86400 else when(at)[:10]
    return "just now"


def described(session: KeptSession) -> dict[str, Any]:
    """Return a session as a document."""
    document: dict[str, Any] = to_document(session)
    return {**document, "created": iso(session.created), "updated": iso(session.updated)}


def described_turn(turn: KeptTurn) -> dict[str, Any]:
    """Return a turn as a document; images are in Base64."""
    import msgspec

    details = turn.details
    wished = details.get("overrides") or {}
    return {
        "id": turn.id,
        "start": turn.start,
        "at": iso(turn.at),
        "provider": turn.provider,
        "model": turn.model,
        "reason": turn.reason or "cut",
        "takenBack": turn.gone,
        "seconds": turn.seconds,
        "firstTokenSeconds": turn.first_token,
        "usage": to_document(msgspec.convert(details["usage"], Usage)) if details.get("usage") else None,
        "options": _without_gaps(details.get("options") or {}),
        "overrides": _without_gaps({**wished, "options": _without_gaps(wished.get("options") or {})}),
        "notices": details.get("notices") or [],
        "tools": to_document(turn.tools),
        "events": details.get("events") or [],
        "messages": [_message(each) for each in msgspec.to_builtins(turn.messages)],
    }


def _without_gaps(builtins: dict[str, Any]) -> dict[str, Any]:
    """Return a document with keys in camelCase, and without what says nothing."""
    return {camel(key): value for key, value in builtins.items() if value not in (None, "", [], (), {})}


def _message(builtins: dict[str, Any]) -> dict[str, Any]:
    return {"role": builtins["role"], "content": builtins["content"], **_without_gaps(builtins)}


def show(
    ctx: CommandContext,
    session: Session = "",
    *,
    turns: Annotated[int, typer.Option("--turns", "-n", min=0, max=MOST, help="Only the last ones; 0 for all.")] = 0,
    gone: Annotated[bool, typer.Option("--all", help="Also what was taken back.")] = False,
    as_json: Json = False,
) -> None:
    """Show a session: the one under way, else the last one, unless you name one."""
    found = meant(ctx, session)
    said = sessions_of(ctx.app.context).turns(found.id, last=turns or -1, gone=gone)
    if as_json:
        ctx.out.document({**described(found), "turns": [described_turn(each) for each in said]})
        return
    ctx.out.prose(f"{found.title}\n{found.id} · {when(found.updated)} · {found.folder}")
    for turn in said:
        ctx.out.print()
        for line in lines(turn):
            ctx.out.prose(line)


def lines(turn: KeptTurn) -> Iterator[str]:
    """Yield the lines that show a turn."""
    if turn.gone:
        yield "[taken back]"
    for message in turn.messages:
        if message.role == "user":
            yield "\n".join(f"> {line}" for line in message.content.splitlines() or [""])
            yield from (f"> [image, {len(each)} bytes]" for each in message.images)
        elif message.role == "tool":
            yield f"[{message.tool_name} returned {len(message.content)} characters]"
        elif message.content:
            yield message.content.rstrip("\n")
    yield from (f"[{each}]" for each in turn.details.get("notices") or ())
    yield from ending(turn)


def ending(turn: KeptTurn) -> Iterator[str]:
    """Say how a turn has ended, unless the model was done."""
    if turn.reason == UNSAVED:
        yield "[kept later than it was said]"
    elif not turn.reason:
        yield "[cut: the program ended, or is still at it]"
    elif turn.reason != "stop":
        yield f"[{turn.reason}]"


def many(turns: int) -> str:
    """Say how many turns."""
    return "1 turn" if turns == 1 else f"{turns} turns"
