"""What is done with a file that is damaged? It is kept under another name, and what can be read of it is taken over."""
# ruff: noqa: S608  (the names of our own tables, and whole numbers)

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ollm.api import Notice, file_lock, set_aside
from ollm_plugins.sessions.database import PATIENCE, connected
from ollm_plugins.sessions.schema import TABLES

if TYPE_CHECKING:
    from sqlite3 import Connection

PAGE = 4096
"""Bytes of a page, SQLite's default."""
PROBES = 100_000
"""Rows that are looked for one by one in the damaged middle of a table, at most; each takes microseconds."""


def mend(path: Path, notify: Callable[[Notice], None]) -> None:
    """Put a new file in the place of a damaged one, with what can be read of it, and say so.

    :raises OllmError: another program holds the lock
    """
    with file_lock(path, PATIENCE):
        why = damage(path)
        if not why:  # another program was faster
            return
        new = path.with_name(f".{path.name}.recovered")
        _remove(new)
        try:
            turns = _recover(path, new)
        except BaseException:
            _remove(new)
            raise
        kept = f"{turns} turns of it could be recovered" if turns != 1 else "one turn of it could be recovered"
        so = kept if turns else "nothing of it could be recovered"
        aside = set_aside(path, why, so, notify, "sessions-damaged")
        if aside is None:  # what is there stays: it holds more than what could be read of it
            _remove(new)
            return
        _move(path.with_name(f"{path.name}-wal"), aside.with_name(f"{aside.name}-wal"))
        _move(path.with_name(f"{path.name}-shm"), None)
        if new.exists():
            new.replace(path)
            _remove(new)


def damage(path: Path) -> str:
    """Say what is wrong with the file; nothing when it is sound or not there."""
    import sqlite3

    if not path.exists():
        return ""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    with contextlib.closing(connection):
        try:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            connection.execute("SELECT count(*) FROM words").fetchone()
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("INSERT INTO words(words) VALUES('integrity-check')")
        except sqlite3.DatabaseError as error:
            return str(error)
    return "" if found[0] == "ok" else str(found[0]).splitlines()[-1]


def _recover(path: Path, new: Path) -> int:
    """Copy every row that can be read, and return how many turns these were; 0 when there is nothing to be read."""
    import sqlite3

    with contextlib.closing(connected(new)) as target:
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = _read(path) or _read_below(path, new)
        target.execute("PRAGMA foreign_keys=OFF")
        target.execute("BEGIN")
        for table, found in rows.items():
            columns = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
            marks = ",".join("?" * len(columns))
            for row in found.values():
                if len(row) == len(columns):
                    with contextlib.suppress(sqlite3.IntegrityError):
                        target.execute(f"INSERT INTO {table} VALUES({marks})", row)
        _complete(target)
        target.execute("COMMIT")
        turns = int(target.execute("SELECT count(*) FROM turns").fetchone()[0])
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if not turns:
        _remove(new)
    return turns


def _read(path: Path) -> dict[str, dict[int, tuple[Any, ...]]]:
    """Return the rows that can be read, by table and number; nothing where there are none."""
    import sqlite3

    old = sqlite3.connect(path, isolation_level=None)
    old.text_factory = lambda data: data.decode("utf-8", "replace")
    with contextlib.closing(old):
        old.execute("PRAGMA writable_schema=ON")  # else SQLite reads nothing of a file whose end is missing
        rows = {table: dict(_rows(old, table)) for table in TABLES}
    return rows if any(rows.values()) else {}


def _read_below(path: Path, new: Path) -> dict[str, dict[int, tuple[Any, ...]]]:
    """Return the rows that can be read when the first page is replaced, which says where all others are.

    Tables are made in the same order in each file, so that the first page of a new one fits.
    """
    copy = path.with_name(f".{path.name}.copy")
    try:
        shutil.copyfile(path, copy)
        first = bytearray(new.read_bytes()[:PAGE])
        first[28:32] = (copy.stat().st_size // PAGE).to_bytes(4, "big")  # pages, by the format of SQLite's files
        with copy.open("r+b") as file:
            file.write(first)
        return _read(copy)
    finally:
        _remove(copy)


def _complete(target: Connection) -> None:
    """Make whole what was torn apart: turns without a session get one, what belongs to no turn goes."""
    target.execute(
        "INSERT INTO sessions(id, title, created, updated, folder, project)"
        " SELECT session, '(recovered)', min(at), max(at), '', '' FROM turns"
        " WHERE session NOT IN (SELECT id FROM sessions) GROUP BY session"
    )
    for table in ("messages", "tool_calls"):
        target.execute(f"DELETE FROM {table} WHERE turn NOT IN (SELECT key FROM turns)")
    target.execute("DELETE FROM turns WHERE key NOT IN (SELECT turn FROM messages)")
    target.execute("UPDATE sessions SET revision=revision+1")


def _rows(old: Connection, table: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield what can be read of a table: from its beginning, from its end, and one by one from what lies between."""
    low, high = 0, 0
    for key, row in _until_damage(old, f"SELECT rowid, * FROM {table} ORDER BY rowid"):
        low = key
        yield key, row
    for key, row in _until_damage(old, f"SELECT rowid, * FROM {table} WHERE rowid>{low} ORDER BY rowid DESC"):
        high = key
        yield key, row
    for key in range(low + 1, min(high or low + PROBES // 10, low + PROBES)):
        yield from _until_damage(old, f"SELECT rowid, * FROM {table} WHERE rowid={key}")


def _until_damage(old: Connection, wanted: str) -> Iterator[tuple[int, tuple[Any, ...]]]:
    import sqlite3

    try:
        for row in old.execute(wanted):
            yield row[0], row[1:]
    except (sqlite3.DatabaseError, OverflowError, MemoryError):
        return


def _move(path: Path, target: Path | None) -> None:
    with contextlib.suppress(FileNotFoundError):
        if target is None:
            path.unlink()
        else:
            path.replace(target)


def _remove(new: Path) -> None:
    """Remove a file that was made while mending, and all that stands beside it."""
    for end in ("", "-wal", "-shm", ".lock"):
        _move(new.with_name(f"{new.name}{end}"), None)
