"""What is kept, as the database tells it?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ollm.api import AuditedCall, Message
from ollm_plugins.sessions import readable
from ollm_plugins.sessions.kept import KeptSession, KeptTurn, iso
from ollm_plugins.sessions.readable import moment, number, text
from ollm_plugins.sessions.saving import Seen, renumber, revision_of, seen_in

if TYPE_CHECKING:
    from sqlite3 import Connection

_SESSIONS = """
SELECT s.id, s.title, s.created, s.updated, s.folder, s.project,
    (SELECT provider || '/' || model FROM turns WHERE session=s.id AND gone=0 AND model<>''
        ORDER BY key DESC LIMIT 1),
    (SELECT count(*) FROM turns WHERE session=s.id AND gone=0 AND count>1), s.parent
FROM sessions s"""
_ORDER = " ORDER BY s.updated DESC, s.id"
_LAST_HELD = """
SELECT id FROM sessions WHERE (?='' OR project=?) AND id<>?
    AND EXISTS (SELECT 1 FROM turns WHERE session=sessions.id AND gone=0 AND count>1)
ORDER BY updated DESC, id LIMIT 1"""
_MESSAGES = """
SELECT turn, role, content, rest FROM messages
WHERE turn IN (SELECT key FROM turns WHERE session=? AND gone=0 AND count>1) ORDER BY turn, number"""
_TURNS = """
SELECT key, id, start, at, provider, model, reason, seconds, first_token, details, gone
FROM turns WHERE session=?"""


def sessions(connection: Connection, *, project: str = "", limit: int = -1) -> list[KeptSession]:
    """Return sessions, the last one first.

    :param project: only those of this one; empty for all
    :param limit: how many; -1 for all
    """
    where = " WHERE s.project=?" if project else ""
    values = (*([project] if project else []), limit)
    return [_session(row) for row in connection.execute(f"{_SESSIONS}{where}{_ORDER} LIMIT ?", values)]


def session(connection: Connection, identity: str) -> KeptSession | None:
    """Return the session with an id."""
    row = connection.execute(f"{_SESSIONS} WHERE s.id=?", (identity,)).fetchone()
    return _session(row) if row else None


def ids(connection: Connection) -> list[str]:
    """Return the ids of all sessions, the last one first."""
    return [row[0] for row in connection.execute("SELECT id FROM sessions ORDER BY updated DESC, id")]


def last_held(connection: Connection, project: str = "", but: str = "") -> str:
    """Return the id of the last session in which something was answered; empty for none.

    :param project: only those of this one; empty for all
    :param but: another one than this
    """
    row = connection.execute(_LAST_HELD, (project, project, but)).fetchone()
    return row[0] if row else ""


def titles(connection: Connection) -> list[tuple[str, str]]:
    """Return the ids and titles of all sessions, the last one first; far quicker than `sessions`."""
    rows = connection.execute("SELECT id, title FROM sessions ORDER BY updated DESC, id")
    return [(identity, text(title)) for identity, title in rows]


class Loaded(Struct, frozen=True):
    """A conversation as it can be gone on with.

    :param seen: what was seen of it, with its turns numbered as if there were nothing but what can be read
    :param lost: how many of its messages cannot be read
    :param moved: whether its turns are numbered otherwise in the file, since something is missing between them
    """

    messages: list[Message]
    seen: Seen
    lost: int = 0
    moved: bool = False


def loaded(connection: Connection, identity: str) -> Loaded:
    """Return a conversation, as of one moment."""
    connection.execute("BEGIN")
    try:
        return _loaded(connection, identity)
    finally:
        connection.execute("COMMIT")


def loaded_and_numbered(connection: Connection, identity: str) -> Loaded:
    """Return the same of a conversation that will be gone on with, and number its turns in the file alike.

    What follows is put where the conversation ends, and what is taken back is found, by these numbers.
    """
    found = _loaded(connection, identity)
    if found.moved:
        renumber(connection, identity, found.seen.turns)
        found.seen.revision = revision_of(connection, identity)
    return found


def _loaded(connection: Connection, identity: str) -> Loaded:
    """Leave out what cannot be read, and a turn of which no two messages are left: it has no prompt or no answer."""
    seen = seen_in(connection, identity) or Seen()
    rows = connection.execute(_MESSAGES, (identity,)).fetchall()
    said = {key: readable.messages([row[1:] for row in of_turn]) for key, of_turn in groupby(rows, lambda row: row[0])}
    lost = len(rows) - sum(map(len, said.values()))
    found: list[Message] = []
    turns = []
    for key, start, count in seen.turns:
        left = said.get(key, ())
        if len(left) > 1:
            turns.append((key, len(found), len(left)))
            found += left
        elif count > 1:  # it stands before the end, so that the next turn does not take its place
            turns.append((key, len(found) - 1, len(left)))
        else:
            turns.append((key, min(start, len(found)), count))
    return Loaded(found, Seen(seen.revision, turns), lost, turns != seen.turns)


def turns(connection: Connection, identity: str, *, last: int = -1, gone: bool = False) -> tuple[list[KeptTurn], int]:
    """Return the turns of a session in their order, and how much of them cannot be read.

    :param last: only so many at the end; -1 for all
    :param gone: also those that were taken back
    """
    wanted = f"{_TURNS}{'' if gone else ' AND gone=0'} ORDER BY key DESC LIMIT ?"
    rows = connection.execute(wanted, (identity, last)).fetchall()
    found = [_turn(connection, row) for row in reversed(rows)]
    return [turn for turn, _ in found], sum(lost for _, lost in found)


def tool_calls(connection: Connection, conversation: str, tool: str, limit: int) -> tuple[list[AuditedCall], int]:
    """Return tool calls, the latest first, and how many cannot be read.

    :param conversation: only those of this one, also what it has copied as a fork; empty for all, each of them once
    """
    rows = connection.execute(
        "SELECT t.session, t.id, t.at + coalesce(t.seconds, 0), t.provider || '/' || t.model, s.folder, c.record"
        " FROM tool_calls c JOIN turns t ON t.key=c.turn JOIN sessions s ON s.id=t.session"
        " WHERE (?1=t.session OR ?1='' AND t.copied=0) AND ?2 IN ('', c.tool) ORDER BY c.key DESC LIMIT ?3",
        (conversation, tool, limit),
    ).fetchall()
    found = []
    for identity, turn, at, model, folder, kept in rows:
        call = readable.record(kept)
        if call is not None:
            found.append(AuditedCall(identity, text(turn), iso(moment(at)), text(model), text(folder), call))
    return found, len(rows) - len(found)


def _session(row: Sequence[Any]) -> KeptSession:
    identity, title, created, updated, folder, project, model, turns, parent = row
    times = moment(created), moment(updated)
    return KeptSession(identity, text(title), *times, text(folder), text(project), text(model), turns, text(parent))


def _turn(connection: Connection, row: Sequence[Any]) -> tuple[KeptTurn, int]:
    """Return a turn, and how many of its rows cannot be read."""
    key, identity, start, at, provider, model, reason, seconds, first_token, details, gone = row
    wanted = "SELECT role, content, rest FROM messages WHERE turn=? ORDER BY number"
    rows = connection.execute(wanted, (key,)).fetchall()
    said = readable.messages(rows)
    records = connection.execute("SELECT record FROM tool_calls WHERE turn=? ORDER BY key", (key,)).fetchall()
    tools = tuple(each for each in (readable.record(kept) for (kept,) in records) if each is not None)
    more, lost = readable.details(details)
    turn = KeptTurn(
        *(text(identity), int(number(start) or 0), moment(at), text(provider), text(model), text(reason), said),
        *(number(seconds), number(first_token), more, tools),
        gone=bool(gone),
    )
    return turn, lost + len(rows) - len(said) + len(records) - len(tools)
