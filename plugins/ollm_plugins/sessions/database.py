"""How is the file opened, read and changed, whoever else does the same?"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ollm.api import Notice, OllmError, UsageError, file_lock
from ollm_plugins.sessions.schema import STEPS, VERSION

if TYPE_CHECKING:
    from sqlite3 import Connection, DatabaseError

T = TypeVar("T")
U = TypeVar("U")

PATIENCE = 10.0
"""Seconds to wait for another program that writes; each of its transactions takes milliseconds."""

_REMEDIES = {
    "SQLITE_BUSY": "Another program holds it; try again.",
    "SQLITE_READONLY": "Make it and its folder writable.",
    "SQLITE_CANTOPEN": "Make it and its folder writable.",
    "SQLITE_FULL": "Make room on the disk.",
    "SQLITE_IOERR": "See whether the disk is full or broken.",
}
"""What to do, by the beginning of SQLite's name for an error."""


_UNWRITABLE = ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL")
"""Beginnings of SQLite's names for what keeps it from making the files that it reads with: no leave, or no room."""


class Database:
    """The file, opened when it is first needed; for one thread.

    :param notify: is told when a damaged file was set aside
    :param patience: returns for how many seconds another program may hold it now
    """

    def __init__(
        self, path: Path, notify: Callable[[Notice], None], patience: Callable[[], float] = lambda: PATIENCE
    ) -> None:
        self.path = path
        self._notify = notify
        self._patience = patience
        self._open: Connection | None = None
        self._inode: tuple[int, int] | None = None

    def read(self, work: Callable[[Connection], T], nothing: U) -> T | U:
        """Read.

        :param work: may be called twice
        :param nothing: returned when there is no file
        :raises OllmError: it cannot be read
        """
        return self._guarded(work, reading=True) if self.path.exists() else nothing

    def change(self, work: Callable[[Connection], T], *, wipe: bool = False) -> T:
        """Change something, all of it or nothing; the file is made if need be.

        :param work: may be called twice
        :param wipe: what is deleted is overwritten
        :raises OllmError: it cannot be written; nothing has changed
        """

        def whole(connection: Connection) -> T:
            connection.execute(f"PRAGMA secure_delete={'ON' if wipe else 'FAST'}")
            connection.execute(f"PRAGMA busy_timeout={round(1000 * self._patience())}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if wipe:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return done

        return self._guarded(whole)

    def close(self) -> None:
        """Close the file."""
        opened, self._open = self._open, None
        if opened is not None:
            opened.close()

    def _guarded(self, work: Callable[[Connection], T], *, reading: bool = False) -> T:
        """Do something; where the file turns out to be damaged, mend it and do it again.

        :raises OllmError: it cannot be done
        """
        import sqlite3

        try:
            return work(self._connection())
        except sqlite3.DatabaseError as error:
            self.close()
            if reading and _name(error).startswith(_UNWRITABLE):
                return self._read_as_it_is(work, error)
            if not is_damage(error):
                raise self._failed(error) from error
        except OSError as error:
            raise OllmError(f"{self.path} cannot be used: {error.strerror or error}") from error
        from ollm_plugins.sessions.mending import mend

        try:
            mend(self.path, self._notify)
            return work(self._connection())
        except sqlite3.DatabaseError as error:
            self.close()
            raise self._failed(error) from error
        except OSError as error:
            raise OllmError(f"{self.path} cannot be used: {error.strerror or error}") from error

    def _read_as_it_is(self, work: Callable[[Connection], T], error: DatabaseError) -> T:
        """Read a file in a folder in which nothing can be written, not even beside it.

        :raises OllmError: it cannot be read, or a program that was killed has left a part of it in another file
        """
        import sqlite3

        log = self.path.with_name(f"{self.path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise self._failed(error) from error
        try:
            with closing(
                sqlite3.connect(f"{self.path.as_uri()}?immutable=1", uri=True, isolation_level=None)
            ) as opened:
                opened.text_factory = _text
                return work(opened)
        except sqlite3.DatabaseError as again:
            raise self._failed(again) from again

    def _failed(self, error: DatabaseError) -> OllmError:
        remedy = next((text for start, text in _REMEDIES.items() if _name(error).startswith(start)), "")
        remedy = "It is a folder: move it away." if self.path.is_dir() else remedy
        return OllmError(f"{self.path} cannot be used: {error}", remedy)

    def _connection(self) -> Connection:
        """Return the open file, opened anew if another one is in its place by now."""
        if self._open is not None and self._inode != _inode(self.path):
            self.close()
        if self._open is None:
            self._open = connected(self.path)
            self._inode = _inode(self.path)
        return self._open


def connected(path: Path) -> Connection:
    """Open the file, and bring its tables up to date.

    :raises sqlite3.DatabaseError: it cannot be opened, or is damaged
    :raises OSError: it cannot be made
    :raises UsageError: a later version of ollm has written it
    """
    import sqlite3

    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.text_factory = _text
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            _upgrade(path, connection)
        connection.execute("PRAGMA synchronous=NORMAL")  # with WAL: a kill loses nothing, a power cut damages nothing
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(path: Path, connection: Connection) -> None:
    """Make the tables, or those of this version from those of an earlier one; one program at a time.

    :raises UsageError: a later version of ollm has written it
    """
    with file_lock(path, PATIENCE):
        connection.execute("PRAGMA journal_mode=WAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            problem = f"{path} was written by a later version of ollm (its tables have version {version})"
            raise UsageError(problem, "Use that version, or move the file away.")
        for number, step in enumerate(STEPS[version:], version + 1):
            connection.executescript(f"BEGIN IMMEDIATE;{step}PRAGMA user_version={number};COMMIT;")


def is_damage(error: DatabaseError) -> bool:
    """Say whether an error means that the file is damaged, or is no database."""
    name = _name(error)
    said = str(error)
    return (
        name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "malformed" in said or said.startswith("no such table")
    )


def _text(data: bytes) -> str:
    """Return what stands in a column; one bad byte fails no query."""
    return data.decode("utf-8", "replace")


def _name(error: DatabaseError) -> str:
    return getattr(error, "sqlite_errorname", "") or ""


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
