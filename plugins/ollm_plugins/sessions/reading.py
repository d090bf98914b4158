"""What is kept, as the database tells it?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ollm.api import AuditedCall, Message, OllmError, ToolRecord
from ollm_plugins.sessions.kept import KeptSession, KeptTurn, decoded, iso, message_of
from ollm_plugins.sessions.saving import Seen, seen_in

if TYPE_CHECKING:
    from sqlite3 import Connection

_SESSIONS = """
SELECT s.id, s.title, s.created, s.updated, s.folder, s.project,
    (SELECT provider || '/' || model FROM turns WHERE session=s.id AND gone=0 AND model<>''
        ORDER BY key DESC LIMIT 1),
    (SELECT count(*) FROM turns WHERE session=s.id AND gone=0 AND count>1), s.parent
FROM sessions s"""
_ORDER = " ORDER BY s.updated DESC, s.id"
_MESSAGES = """
SELECT role, content, rest FROM messages
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


def messages(connection: Connection, identity: str) -> tuple[list[Message], Seen]:
    """Return a conversation, and what was seen of it, as of one moment.

    :raises OllmError: what was kept cannot be understood
    """
    connection.execute("BEGIN")
    try:
        seen = seen_in(connection, identity) or Seen()
        rows = connection.execute(_MESSAGES, (identity,)).fetchall()
    finally:
        connection.execute("COMMIT")
    return [_message(row) for row in rows], seen


def turns(connection: Connection, identity: str, *, last: int = -1, gone: bool = False) -> list[KeptTurn]:
    """Return the turns of a session in their order.

    :param last: only so many at the end; -1 for all
    :param gone: also those that were taken back
    """
    wanted = f"{_TURNS}{'' if gone else ' AND gone=0'} ORDER BY key DESC LIMIT ?"
    rows = connection.execute(wanted, (identity, last)).fetchall()
    return [_turn(connection, row) for row in reversed(rows)]


def tool_calls(connection: Connection, conversation: str, tool: str, limit: int) -> list[AuditedCall]:
    """Return tool calls, the latest first; what a fork has copied counts once."""
    rows = connection.execute(
        "SELECT t.session, t.id, t.at + coalesce(t.seconds, 0), t.provider || '/' || t.model, s.folder, c.record"
        " FROM tool_calls c JOIN turns t ON t.key=c.turn JOIN sessions s ON s.id=t.session"
        " WHERE ?1 IN ('', t.session) AND ?2 IN ('', c.tool) ORDER BY c.key DESC LIMIT ?3",
        (conversation, tool, limit),
    )
    found = []
    for identity, turn, at, model, folder, record in rows:
        call = msgspec.json.decode(record, type=ToolRecord)
        found.append(AuditedCall(identity, turn, iso(at), model, folder, call))
    return found


def _session(row: Sequence[Any]) -> KeptSession:
    identity, title, created, updated, folder, project, model, turns, parent = row
    return KeptSession(identity, title, created, updated, folder, project, model or "", turns, parent)


def _turn(connection: Connection, row: Sequence[Any]) -> KeptTurn:
    key, identity, start, at, provider, model, reason, seconds, first_token, details, gone = row
    wanted = "SELECT role, content, rest FROM messages WHERE turn=? ORDER BY number"
    said = tuple(_message(each) for each in connection.execute(wanted, (key,)))
    calls = connection.execute("SELECT record FROM tool_calls WHERE turn=? ORDER BY key", (key,))
    tools = tuple(_records(each[0] for each in calls))
    more = decoded(details) or {}
    return KeptTurn(
        identity, start, at, provider, model, reason, said, seconds, first_token, more, tools, gone=bool(gone)
    )


def _records(texts: Iterable[str]) -> Iterable[ToolRecord]:
    return (msgspec.json.decode(text, type=ToolRecord) for text in texts)


def _message(row: Sequence[Any]) -> Message:
    try:
        return message_of(*row)
    except msgspec.DecodeError as error:
        raise OllmError(f"A message of this session cannot be read: {error}") from error
