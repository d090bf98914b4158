"""How is the file of comparisons opened, and what if it is damaged?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ollm.api import HostContext, Notice, OllmError, set_aside, visible

if TYPE_CHECKING:
    import sqlite3

VERSION: Final = 1
FILE: Final = "comparisons.db"
WAIT: Final = 10.0
"""Seconds for which another process's write is waited for."""
PATIENCE: Final = 1.0
"""Seconds after which that is said."""
STEP: Final = 0.1
"""Seconds that SQLite waits at a time: it hears neither Ctrl-C nor a wish to give up."""
_SCHEMA: Final = """
CREATE TABLE comparison(
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, profile TEXT NOT NULL, prompt TEXT NOT NULL,
    models TEXT NOT NULL, blind INTEGER NOT NULL, choice TEXT NOT NULL, winner INTEGER, document BLOB NOT NULL);
CREATE TABLE pair(
    profile TEXT, a TEXT, b TEXT, wins_a INTEGER NOT NULL, wins_b INTEGER NOT NULL, ties INTEGER NOT NULL,
    PRIMARY KEY (profile, a, b)) WITHOUT ROWID;
CREATE TABLE tally(
    profile TEXT, model TEXT, shown INTEGER NOT NULL, wins INTEGER NOT NULL, ties INTEGER NOT NULL, bad INTEGER NOT NULL,
    failed INTEGER NOT NULL, tokens INTEGER NOT NULL, seconds REAL NOT NULL, firsts INTEGER NOT NULL,
    first_seconds REAL NOT NULL, PRIMARY KEY (profile, model)) WITHOUT ROWID;
"""


LOCKED: Final = "Another program is writing the comparisons; Ctrl-C gives up waiting for it."


class Database:
    """The file; each use opens it anew, so that nothing is held while models answer.

    :param goes_on: is asked while another process writes; False gives up waiting for it
    """

    def __init__(self, host: HostContext, goes_on: Callable[[], bool] = lambda: True) -> None:
        self.path: Path = host.paths.home / FILE
        self._notify = host.notify
        self._goes_on = goes_on

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Open the file to look into it; nothing is made for that, and nothing is written where nothing can be.

        :raises OllmError: it cannot be used
        """
        with self._in_our_words():
            there = self.path.exists()
            writable = os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK)
            with self._open() if there and writable else self._as_it_is() as database:
                yield database

    @contextmanager
    def _as_it_is(self) -> Iterator[sqlite3.Connection]:
        """Open a file in a folder in which nothing can be written; where there is none, an empty one in memory."""
        import sqlite3

        name = f"{self.path.as_uri()}?immutable=1" if self.path.exists() else ":memory:"
        with closing(sqlite3.connect(name, uri=True, isolation_level=None)) as database:
            _prepare(database, self.path)
            yield database

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Hold the only transaction that writes; it is undone when something fails in it."""
        with self._open() as database:
            self._patiently(lambda: database.execute("BEGIN IMMEDIATE"))
            try:
                yield database
            except BaseException:
                if database.in_transaction:  # SQLite undoes it by itself, e.g. when the disk is full
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file; one that is damaged is set aside, and a new one begun.

        :raises OllmError: it cannot be used
        """
        import sqlite3

        with self._in_our_words(), closing(self._connected(sqlite3.connect)) as database:
            yield database

    def _connected(self, connect: Callable[..., sqlite3.Connection]) -> sqlite3.Connection:
        import sqlite3

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for attempt in (1, 2):
            if not self.path.exists():
                self.path.touch(mode=0o600)  # SQLite would let others read it
            database = connect(self.path, timeout=STEP, isolation_level=None)
            try:
                self._patiently(partial(_prepare, database, self.path))
            except sqlite3.OperationalError:
                database.close()
                raise
            except sqlite3.DatabaseError as error:
                database.close()
                if attempt == 2:  # noqa: PLR2004  (the new file is no better)
                    raise
                self._put_aside(str(error))
            except BaseException:
                database.close()
                raise
            else:
                return database
        raise AssertionError("the second attempt returns or raises")

    def _patiently(self, act: Callable[[], object]) -> None:
        """Do something as soon as no other process is in its way.

        :raises sqlite3.OperationalError: one is for too long, or nobody wants to wait any more
        """
        import sqlite3

        began = time.monotonic()
        while True:
            try:
                act()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
                waited = time.monotonic() - began
                if not busy or waited > WAIT or not self._goes_on():
                    raise
                if waited > PATIENCE:
                    self._notify(Notice("comparisons-locked", LOCKED))
                time.sleep(0.01)  # some of it SQLite does not wait for at all
            else:
                return

    def _put_aside(self, why: str) -> None:
        set_aside(self.path, why, "comparisons are counted anew", self._notify, "comparisons-unreadable")
        for end in ("-wal", "-shm"):
            self.path.with_name(f"{FILE}{end}").unlink(missing_ok=True)

    @contextmanager
    def _in_our_words(self) -> Iterator[None]:
        """Turn what SQLite and the disk say into an error that a user can act on."""
        import sqlite3

        try:
            yield
        except (sqlite3.Error, OSError) as error:
            said = visible(getattr(error, "strerror", None) or str(error))
            raise OllmError(f"The comparisons in {self.path} cannot be used: {said}", _remedy(error)) from error
        except msgspec.DecodeError as error:
            problem = f"A comparison in {self.path} cannot be read: {visible(str(error))}"
            raise OllmError(problem, "`ollm compare delete ID` forgets it.") from error


_REMEDIES: Final = {
    "SQLITE_BUSY": "Another program is writing it; try again.",
    "SQLITE_FULL": "Make room on the disk, then try again.",
    "SQLITE_IOERR": "See whether the disk is full.",
    "SQLITE_CORRUPT": "Move the file away; a new one is begun.",
    "SQLITE_NOTADB": "Move the file away; a new one is begun.",
    "SQLITE_ERROR": "It is not as ollm makes it: move the file away; a new one is begun.",
}
"""What to do, by the beginning of the name that SQLite has for what is wrong."""


def _remedy(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    told = (text for start, text in _REMEDIES.items() if name.startswith(start))
    return next(told, "See that the file and its folder can be read and written.")


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file, and see whether an old one is ours.

    :raises OllmError: a newer version of ollm wrote it
    """
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        problem = f"{path} was written by a newer version of ollm"
        raise OllmError(problem, "Update ollm, or move the file away.")
    if version == VERSION:
        database.execute("SELECT 1 FROM tally LIMIT 1").fetchone()
        return
    if path.exists():  # else the tables are in memory alone
        database.execute("PRAGMA journal_mode = WAL")  # readers need not wait for it
    with database:  # commits, or undoes it
        database.execute("BEGIN IMMEDIATE")
        if database.execute("PRAGMA user_version").fetchone()[0] == 0:  # no other process was faster
            for statement in filter(str.strip, _SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")
