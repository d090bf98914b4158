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
from ollm_plugins.sessions.live import Live, whole
from ollm_plugins.sessions.settings import SessionsSettings
from ollm_plugins.sessions.telling import Telling

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
AGAIN = 5.0
"""Seconds after which what could not be written is tried again, if nothing else is to be written before."""
HELD = 10.0
"""Seconds to wait for another program that holds the file; at the end, for all that is left together."""
BRIEFLY = 0.3
"""The same once it was waited for in vain: it is tried again and again."""
SOON = 1.0
"""Seconds from which on it is said at the end what is waited for."""
PATIENCE = 30.0
"""Seconds to wait for the thread, as where a disk takes its time."""


class _NotNowError(Exception):
    """The file cannot be written; what was to be written is tried again."""


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
        self._waiting: deque[threading.Event] = deque()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._telling = Telling(host.notify)
        self._ending = False
        self._ends_at = 0.0
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
        at = time.time() - record.seconds  # its first event may have come much later than its beginning
        self._do(f"A turn with {record.model}", lambda: self._put(whole(record, live, folder, at)))
        self._wait(SHORT)

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
        """Wait until all that was heard is written, or cannot be now."""
        if self._thread is not None and self._thread.is_alive():
            self._wait(PATIENCE)

    def close(self) -> None:
        """Write what is left, and end."""
        thread, self._thread = self._thread, None
        self._ends_at, self._ending = time.monotonic() + HELD, True
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(SOON)
            if thread.is_alive():
                text = "The conversation is still being saved: another program may hold the file, or the disk is slow."
                self._host.notify(Notice("session-saving", text))
                thread.join(PATIENCE)
            self._telling.now()

    def _begin(self, context: EventContext) -> Live | None:
        turn = context.turn
        live = self._live.get(turn.id)
        is_over = isinstance(context.event, Finished)
        if live is None and not is_over and not turn.aside and self.keeps:
            live = self._live[turn.id] = Live(context)
            self._telling.within()
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

    def _wait(self, seconds: float) -> None:
        """Wait until what was heard before has been tried."""
        tried = threading.Event()
        self._waiting.append(tried)
        self._wake.set()
        tried.wait(seconds)
        self._telling.now()

    def _work(self) -> None:
        self._wake.wait(FIRST)
        from ollm_plugins.sessions.database import Database

        self._database = Database(self._path, self._telling.notice, self._patience)
        self._guarded("This conversation", lambda: self._change(lambda _: None))  # said while the answer comes
        while not self._ending:
            self._wake.wait(EVERY if self._live else AGAIN if self._jobs else None)
            self._wake.clear()
            self._write_all()
        self._write_all()
        self._database.close()

    def _patience(self) -> float:
        """Return for how many seconds another program may hold the file now."""
        if self._ending:
            return max(0.0, self._ends_at - time.monotonic())
        return BRIEFLY if str(self._path) in self._failed else HELD

    def _write_all(self) -> None:
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        for live in list(self._live.values()) if self._write_jobs() else ():
            if live.age >= EVERY or self._ending:  # a short answer is written once, when it is over
                self._guarded("The answer under way", partial(self._write_live, live), live.turn.id)
        for each in waiting:
            each.set()

    def _write_jobs(self) -> bool:
        """Do what is to be done, in its order, and say whether nothing is left to be tried again."""
        while self._jobs:
            if not self._guarded(*self._jobs[0]):
                return False
            self._jobs.popleft()
        return True

    def _guarded(self, what: str, job: Callable[[], object], once: str = "") -> bool:
        """Do a job, and say whether it is over; one that fails by itself keeps no other from being done, and is told of.

        :param once: names what is tried again and again, so that it is said once
        """
        try:
            job()
        except _NotNowError:
            return False
        except Exception as error:  # noqa: BLE001  (the thread must go on, whatever a plugin puts into a turn)
            self._say(f"{what} is not saved", error, once)
        return True

    def _write_live(self, live: Live) -> None:
        """Write what has come of a turn that is under way, unless it is written already."""
        draft = live.draft()
        if draft is not None:
            self._put(draft)
            live.written()

    def _put(self, draft: Draft) -> None:
        """Keep a turn."""
        from ollm_plugins.sessions.saving import put

        session = self.where(draft.session)
        kept = replace(draft, session=session)
        done = self._change(lambda connection: put(connection, kept, self._seen.get(session)))
        self._seen[done.session] = done.seen
        if done.session != session:
            self._move(draft.session, done)

    def _move(self, conversation: str, done: Put) -> None:
        former = self.where(conversation)
        self._moved[conversation] = done.session
        text = f"Another program has gone on with session {former[:8]}, so this goes on as session {done.session[:8]}."
        self._telling.notice(Notice("session-forked", text))

    def _rewind(self, conversation: str, kept: int) -> None:
        from ollm_plugins.sessions.saving import rewind

        session = self.where(conversation)
        seen = self._change(lambda connection: rewind(connection, session, kept, self._seen.get(session)))
        if seen is not None:
            self._seen[session] = seen

    def _change(self, work: Callable[[Connection], T]) -> T:
        """Change the database; that it cannot be is said once, until it can again.

        :raises _NotNowError: it cannot be
        :raises OllmError: it is not the file that is wrong, but what is to be written
        """
        import sqlite3

        try:
            done = self._database.change(work)
        except OllmError as error:
            if isinstance(error.__cause__, sqlite3.DataError | sqlite3.IntegrityError):
                raise
            self._say("This conversation is not being saved", error, str(self._path))
            raise _NotNowError from error
        self._failed.discard(str(self._path))
        return done

    def _say(self, what: str, error: Exception, once: str) -> None:
        if not once or once not in self._failed:
            said = str(error) if isinstance(error, OllmError) else f"{type(error).__name__}: {error}"
            self._telling.notice(Notice("session-unsaved", f"{what}: {said}"))
        if once:
            self._failed.add(once)
