"""How is a conversation written down without slowing it?

Who answers puts events into a queue; a thread writes them, what is under way twice a second.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from ollm.api import EventContext, Finished, HostContext, Notice, OllmError, RewindContext, TurnRecord, replace
from ollm_plugins.sessions.live import Live
from ollm_plugins.sessions.settings import SessionsSettings

if TYPE_CHECKING:
    from pathlib import Path
    from sqlite3 import Connection

    from ollm_plugins.sessions.kept import Draft
    from ollm_plugins.sessions.saving import Put, Seen

T = TypeVar("T")

EVERY = 0.5
"""Seconds between two looks at what is under way: what is on the screen for a second is then on the disk."""
FIRST = 0.02
"""Seconds after the first event of all before anything is imported: the first words of an answer go before."""
SHORT = 0.25
"""Seconds that the end of a turn waits until it is written, at most; it takes some milliseconds."""
PATIENCE = 30.0
"""Seconds to wait at the end for what is still to be written."""


class Recorder:
    """Writes what it hears.

    :param path: of the database
    """

    def __init__(self, host: HostContext, path: Path) -> None:
        self._host = host
        self._path = path
        self._seen: dict[str, Seen] = {}
        self._moved: dict[str, str] = {}
        self._live: dict[str, Live] = {}
        self._latest: tuple[str, Live | None] = ("", None)
        self._jobs: deque[tuple[str, Callable[[], object]]] = deque()
        self._left: deque[Draft] = deque()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._failed: set[str] = set()

    def hear(self, context: EventContext) -> None:
        """Hear an event of a turn."""
        identity, live = self._latest
        if identity != context.turn.id:
            live = self._begin(context)
        if live is not None:
            live.hear(context.event)

    def take(self, record: TurnRecord) -> None:
        """Keep a turn that is over; wait a moment, so that what goes wrong is said with the turn."""
        context = record.context
        live = self._live.pop(record.id, None)
        self._latest = (record.id, None)  # its last event is still to come
        if context is None or context.aside or not self.keeps:
            return
        folder = context.host.workspace
        at = live.at if live is not None else time.time() - record.seconds
        written = threading.Event()

        def write() -> None:
            self._left.append(_whole(record, live, folder, at))
            self._put_left()
            written.set()

        self._do(f"A turn with {record.model}", write)
        written.wait(SHORT)

    def rewind(self, context: RewindContext) -> None:
        """Note that messages were taken back."""
        if self.keeps:
            self._do("That turns were taken back", lambda: self._rewind(context.conversation, context.kept))

    def note(self, conversation: str, name: str, text: str | None) -> None:
        """Keep a document with a conversation, or remove it."""

        def write(connection: Connection) -> None:
            place = (self.where(conversation), name)
            if text is None:
                connection.execute("DELETE FROM notes WHERE session=? AND name=?", place)
            else:
                connection.execute(
                    "INSERT OR REPLACE INTO notes(session, name, document) VALUES(?,?,?)", (*place, text)
                )

        if self.keeps:
            self._do(f"The note '{name}'", lambda: self._change(write))

    @property
    def keeps(self) -> bool:
        """Whether the user wants conversations kept."""
        return self._host.settings.section(SessionsSettings).save

    def know(self, session: str, seen: Seen) -> None:
        """Hear what there is of a session that is about to be gone on with."""
        self._seen[session] = seen
        self._moved.pop(session, None)

    def where(self, conversation: str) -> str:
        """Return the session in which a conversation is kept."""
        return self._moved.get(conversation, conversation)

    def flush(self) -> None:
        """Wait until all that was heard is written."""
        if self._thread is not None and self._thread.is_alive():
            done = threading.Event()
            self._do("", done.set)
            done.wait(PATIENCE)

    def close(self) -> None:
        """Write what is left, and end."""
        thread, self._thread = self._thread, None
        self._ending = True
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _begin(self, context: EventContext) -> Live | None:
        turn = context.turn
        live = self._live.get(turn.id)
        is_over = isinstance(context.event, Finished)
        if live is None and not is_over and not turn.aside and self.keeps:
            live = self._live[turn.id] = Live(context)
            self._do()
        self._latest = (turn.id, live)
        return live

    def _do(self, what: str = "", job: Callable[[], object] | None = None) -> None:
        """Let the thread do a job.

        :param what: is kept by it, as the beginning of a sentence
        """
        if job is not None:
            self._jobs.append((what, job))
        if self._thread is None:
            self._ending = False
            self._thread = threading.Thread(target=self._work, daemon=True, name="sessions")
            self._thread.start()
            atexit.register(self.close)
            if job is None:
                return  # it looks by itself, after the first words
        self._wake.set()

    def _work(self) -> None:
        self._wake.wait(FIRST)
        from ollm_plugins.sessions.database import Database

        self._database = Database(self._path, self._host.notify)
        self._guarded("This conversation", lambda: self._change(lambda _: None))  # said while the answer comes
        while self._jobs or not self._ending:
            self._wake.wait(EVERY if self._live else None)
            self._wake.clear()
            self._write_all()
        self._put_left()
        self._database.close()

    def _write_all(self) -> None:
        while self._jobs:
            self._guarded(*self._jobs.popleft())
        for live in list(self._live.values()):
            if live.age >= EVERY or self._ending:  # a short answer is written once, when it is over
                self._guarded("The answer under way", partial(self._write_live, live), live.turn.id)

    def _guarded(self, what: str, job: Callable[[], T], once: str = "") -> T | None:
        """Do a job; if it fails, those behind it are done all the same, and what is not kept for it is said.

        :return: what the job returns; None where it failed
        :param once: names what is tried again and again, so that it is said once
        """
        try:
            return job()
        except Exception as error:  # noqa: BLE001  (the thread must go on, whatever a plugin puts into a turn)
            self._say(f"{what} is not saved", error, once)
            return None

    def _write_live(self, live: Live) -> None:
        """Write what has come of a turn that is under way, unless it is written already."""
        draft = live.draft()
        if draft is not None and self._put_left() and self._put(draft):
            live.written()

    def _put_left(self) -> bool:
        """Keep the turns that are over and could not be kept yet, and say whether none is left to be tried again."""
        while self._left:
            draft = self._left.popleft()
            if self._guarded(f"A turn with {draft.turn.model}", partial(self._put, draft)) is False:
                self._left.appendleft(draft)
                return False
        return True

    def _put(self, draft: Draft) -> bool:
        """Keep a turn, and say whether that could be done."""
        from ollm_plugins.sessions.saving import put

        session = self.where(draft.session)
        kept = replace(draft, session=session)
        done = self._change(lambda connection: put(connection, kept, self._seen.get(session)))
        if done is None:
            return False
        self._seen[done.session] = done.seen
        if done.session != session:
            self._move(draft.session, done)
        return True

    def _move(self, conversation: str, done: Put) -> None:
        former = self.where(conversation)
        self._moved[conversation] = done.session
        text = f"Another program has gone on with session {former[:8]}, so this goes on as session {done.session[:8]}."
        self._host.notify(Notice("session-forked", text))

    def _rewind(self, conversation: str, kept: int) -> None:
        from ollm_plugins.sessions.saving import rewind

        self._left = deque(each for each in self._left if each.session != conversation or each.turn.start < kept)
        session = self.where(conversation)
        seen = self._change(lambda connection: rewind(connection, session, kept, self._seen.get(session)))
        if seen is not None:
            self._seen[session] = seen

    def _change(self, work: Callable[[Connection], T]) -> T | None:
        """Change the database; that it cannot be is said once, until it can again."""
        try:
            done = self._database.change(work)
        except OllmError as error:
            self._say("This conversation is not being saved", error, str(self._path))
            return None
        self._failed.discard(str(self._path))
        return done

    def _say(self, what: str, error: Exception, once: str) -> None:
        if not once or once not in self._failed:
            said = str(error) if isinstance(error, OllmError) else f"{type(error).__name__}: {error}"
            self._host.notify(Notice("session-unsaved", f"{what}: {said}"))
        if once:
            self._failed.add(once)


def _whole(record: TurnRecord, live: Live | None, folder: Path, at: float) -> Draft:
    """Return a turn that is over as it is kept."""
    from ollm_plugins.sessions.kept import Draft, KeptTurn, text_of

    context = record.context
    assert context is not None
    if live is not None:
        live.fold()
    details = {
        "usage": record.usage,
        "options": record.options,
        "overrides": context.overrides,
        "notices": record.notices,
        "events": live.events if live is not None else [],
    }
    turn = KeptTurn(
        record.id,
        len(context.messages),
        at,
        record.provider,
        record.model,
        record.reason,
        record.messages,
        record.seconds,
        record.first_token_seconds,
        {name: value for name, value in details.items() if value},
        record.tools,
    )
    return Draft(context.conversation, text_of(folder), context.messages, turn)
