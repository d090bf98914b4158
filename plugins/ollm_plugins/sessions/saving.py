"""How does a turn get into the database, so that what is kept is always the conversation?

Two programs may go on with the same session. Each knows which revision it has seen; the one that comes second finds
another one, and goes on in a fork, so that neither loses anything and nobody has to hold a lock. A file that was mended
has another revision, too, but no turn that is new; what it has lost is written again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING
from uuid import uuid4

from msgspec import Struct

from ollm.api import Message
from ollm_plugins.sessions.kept import UNSAVED, Draft, KeptTurn, clean, encoded, project_of, rest_of, title_of

if TYPE_CHECKING:
    from sqlite3 import Connection


class Seen(Struct):
    """What this program has seen of a session.

    :param turns: key, start and number of messages of each turn that holds, in their order
    """

    revision: int = 0
    turns: list[tuple[int, int, int]] = []

    @property
    def end(self) -> int:
        """How many messages are kept; a prompt that has no answer is none of them."""
        return next((start + count for _, start, count in reversed(self.turns) if count > 1), 0)


class Put(Struct, frozen=True):
    """Where a turn was put.

    :param session: another one than was wanted when somebody else had gone on with that
    """

    session: str
    seen: Seen


def seen_in(connection: Connection, session: str) -> Seen | None:
    """Return what there is of a session now; None when it is not kept."""
    row = connection.execute("SELECT revision FROM sessions WHERE id=?", (session,)).fetchone()
    if row is None:
        return None
    wanted = (
        "SELECT key, CAST(start AS INTEGER), CAST(count AS INTEGER) FROM turns WHERE session=? AND gone=0 ORDER BY key"
    )
    return Seen(row[0], connection.execute(wanted, (session,)).fetchall())


def renumber(connection: Connection, session: str, turns: Sequence[tuple[int, int, int]]) -> None:
    """Say anew where turns stand in their session, and how many messages they have.

    :param turns: as in `Seen`
    """
    connection.executemany(
        "UPDATE turns SET start=?, count=? WHERE key=?", [(start, count, key) for key, start, count in turns]
    )
    connection.execute("UPDATE sessions SET revision=revision+1 WHERE id=?", (session,))


def put(connection: Connection, draft: Draft, seen: Seen | None) -> Put:
    """Keep a turn, or more of one that is kept already.

    :param seen: of its session; None if this program has seen nothing of it
    """
    session, turn = draft.session, draft.turn
    row = connection.execute("SELECT revision FROM sessions WHERE id=?", (session,)).fetchone()
    if row is None:
        _begin(connection, draft, session)
        seen = Seen()
    elif seen is None:
        seen = seen_in(connection, session) or Seen()
    elif seen.revision != row[0]:
        now = seen_in(connection, session) or Seen()
        if _has_new(now, seen):
            session = uuid4().hex
            seen = fork(connection, draft.session, session, seen.turns, turn.at)
        else:
            seen = _without_holes(connection, session, now, seen)
    turns = _before(connection, session, turn, seen)
    there = Seen(0, turns).end
    if there < turn.start:
        missing = draft.earlier[there : turn.start]
        gap = KeptTurn("", there, turn.at, turn.provider, turn.model, UNSAVED, missing)
        turns.append((_write(connection, session, gap), there, len(missing)))
    turns.append((_write(connection, session, turn), turn.start, len(turn.messages)))
    ended = turn.at + (turn.seconds or 0.0)  # the last session is the one that was said something in last
    connection.execute("UPDATE sessions SET updated=max(updated, ?), revision=revision+1 WHERE id=?", (ended, session))
    return Put(session, Seen(revision_of(connection, session), turns))


def rewind(connection: Connection, session: str, kept: int, seen: Seen | None) -> Seen | None:
    """Mark the turns that were taken back; None when nothing of the session is kept, or somebody else goes on in it."""
    now = seen_in(connection, session)
    if now is None or (seen is not None and seen.revision != now.revision and _has_new(now, seen)):
        return seen
    connection.execute("UPDATE turns SET gone=1 WHERE session=? AND start>=? AND gone=0", (session, kept))
    connection.execute("UPDATE sessions SET revision=revision+1 WHERE id=?", (session,))
    return seen_in(connection, session)


def _has_new(now: Seen, seen: Seen) -> bool:
    """Whether a session has turns that this program has not seen: another one has gone on with it."""
    return not set(now.turns) <= set(seen.turns)


def _without_holes(connection: Connection, session: str, now: Seen, seen: Seen) -> Seen:
    """Return what is whole of a session of which turns were lost, and take back what comes after: it is written anew."""
    pairs = zip(now.turns, seen.turns, strict=False)
    whole = Seen(now.revision, [each for each, before in takewhile(lambda pair: pair[0] == pair[1], pairs)])
    if len(whole.turns) < len(now.turns):
        connection.execute("UPDATE turns SET gone=1 WHERE session=? AND start>=? AND gone=0", (session, whole.end))
    return whole


def fork(connection: Connection, source: str, target: str, turns: Sequence[tuple[int, int, int]], at: float) -> Seen:
    """Begin a session with turns of another one, and its notes.

    :param turns: those that are copied, as in `Seen`
    """
    connection.execute(
        "INSERT INTO sessions(id, title, created, updated, folder, project, parent)"
        " SELECT ?, title, ?, ?, folder, project, id FROM sessions WHERE id=?",
        (target, at, at, source),
    )
    copied = []
    for key, start, count in turns:
        done = connection.execute(
            "INSERT INTO turns(session, id, start, count, copied, at, provider, model, reason, seconds, first_token,"
            " details) SELECT ?, id, start, count, 1, at, provider, model, reason, seconds, first_token, details"
            " FROM turns WHERE key=?",
            (target, key),
        )
        if not done.rowcount:  # it was lost with a damaged file
            continue
        made = done.lastrowid
        connection.execute(
            "INSERT INTO messages(turn, number, role, content, rest)"
            " SELECT ?, number, role, content, rest FROM messages WHERE turn=? ORDER BY number",
            (made, key),
        )
        connection.execute(
            "INSERT INTO tool_calls(turn, tool, record)"
            " SELECT ?, tool, record FROM tool_calls WHERE turn=? ORDER BY key",
            (made, key),
        )
        copied.append((int(made or 0), start, count))
    connection.execute(
        "INSERT INTO notes(session, name, document) SELECT ?, name, document FROM notes WHERE session=?",
        (target, source),
    )
    return Seen(revision_of(connection, target), copied)


def _begin(connection: Connection, draft: Draft, session: str) -> None:
    first = next((each.content for each in (*draft.earlier, *draft.turn.messages) if each.role == "user"), "")
    title = title_of(draft.title if draft.title and not draft.earlier else first)
    values = (session, title, draft.turn.at, draft.turn.at, draft.folder, project_of(draft.folder))
    connection.execute("INSERT INTO sessions(id, title, created, updated, folder, project) VALUES(?,?,?,?,?,?)", values)


def _before(connection: Connection, session: str, turn: KeptTurn, seen: Seen) -> list[tuple[int, int, int]]:
    """Return the turns that stand before one; an earlier draft of it is removed, what it replaces is taken back."""
    if seen.turns and seen.turns[-1][1] < turn.start:
        return list(seen.turns)
    connection.execute("DELETE FROM turns WHERE session=? AND id=? AND start=?", (session, turn.id, turn.start))
    connection.execute("UPDATE turns SET gone=1 WHERE session=? AND start>=? AND gone=0", (session, turn.start))
    return [each for each in seen.turns if each[1] < turn.start]


def _write(connection: Connection, session: str, turn: KeptTurn) -> int:
    """Write a turn, and return its key; one whose prompt nothing came of is no part of the conversation."""
    count = len(turn.messages)
    gone = turn.reason not in ("", UNSAVED) and count < 2  # noqa: PLR2004  (a prompt alone)
    key = connection.execute(
        "INSERT INTO turns(session, id, start, count, gone, at, provider, model, reason, seconds, first_token, details)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            *(session, turn.id, turn.start, count, gone, turn.at),
            *(clean(turn.provider), clean(turn.model), turn.reason, turn.seconds, turn.first_token),
            encoded(turn.details) if turn.details else None,
        ),
    ).lastrowid
    _write_messages(connection, int(key or 0), turn.messages)
    connection.executemany(
        "INSERT INTO tool_calls(turn, tool, record) VALUES(?,?,?)",
        [(key, clean(each.call.name), encoded(each)) for each in turn.tools],
    )
    return int(key or 0)


def _write_messages(connection: Connection, turn: int, messages: Sequence[Message]) -> None:
    connection.executemany(
        "INSERT INTO messages(turn, number, role, content, rest) VALUES(?,?,?,?,?)",
        [(turn, at, each.role, clean(each.content), rest_of(each)) for at, each in enumerate(messages)],
    )


def revision_of(connection: Connection, session: str) -> int:
    """Return how often the turns of a session have changed."""
    return int(connection.execute("SELECT revision FROM sessions WHERE id=?", (session,)).fetchone()[0])
