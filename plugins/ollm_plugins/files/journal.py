"""How are changes of tools kept so that they can be taken back?

The former content of a file is written to `undo/` in ollm's home before the file is changed, with an entry in an
index. If the power goes between the two, the entry says what is no longer so, which does no harm: what is taken back
is compared with what is there.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ollm.api import HostContext, Notice, OllmError, file_lock, set_aside, write_atomically
from ollm_plugins.files.agreement import digest

VERSION: Final = 1
MOST: Final = 200
MOST_BYTES: Final = 50_000_000
"""How many changes are kept, and bytes of former contents; the latest is kept in any case."""


class Entry(Struct, frozen=True, omit_defaults=True):
    """One change of one file.

    :param at: ISO 8601 time in UTC
    :param root: real path of the root in which the file lies
    :param parts: the way from there
    :param tool: who changed it; "undo" for what was taken back
    :param before: digest of the former content; empty if there was no file
    :param after: digest of the new one; empty if the file was removed
    :param size: bytes that are kept
    :param mode: of the former file
    :param made: folders that were made for it
    :param undoes: the change that this one takes back
    :param undone: whether it was taken back
    """

    id: int
    at: str
    root: str
    parts: tuple[str, ...]
    tool: str
    turn: str = ""
    conversation: str = ""
    before: str = ""
    after: str = ""
    size: int = 0
    mode: int = 0
    added: int = 0
    removed: int = 0
    made: tuple[str, ...] = ()
    undoes: int = 0
    undone: bool = False

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.root, *self.parts)


class _File(Struct, frozen=True):
    version: int = VERSION
    last: int = 0
    changes: tuple[Entry, ...] = ()


class Journal:
    """The changes that are kept."""

    def __init__(self, folder: Path, notify: Callable[[Notice], None]) -> None:
        self.index = folder / "index.json"
        self._folder = folder
        self._notify = notify
        self._holds = False

    @contextlib.contextmanager
    def locked(self, timeout: float = 10.0) -> Iterator[None]:
        """Keep other processes from changing files with tools.

        :raises OllmError: another one does so for longer
        """
        with file_lock(self.index, timeout):
            self._holds = True
            try:
                yield
            finally:
                self._holds = False

    def entries(self) -> Sequence[Entry]:
        """Return the changes, the earliest first.

        :raises OllmError: they cannot be read
        """
        return self._read().changes

    def add(self, entry: Entry, before: bytes | None) -> Entry:
        """Keep a change that is about to be made, under the lock; return it with its number.

        :raises OllmError: it cannot be kept
        """
        file = self._read()
        entry = replace(entry, id=file.last + 1, at=_now(), size=len(before or b""))
        try:
            if before is not None:
                write_atomically(self._blob(entry), before)
            self._write(_File(VERSION, entry.id, self._kept((*file.changes, entry))))
        except OllmError as error:
            raise OllmError(f"The way back could not be kept, so nothing was changed: {error.problem}") from error
        return entry

    def drop(self, entry: Entry) -> None:
        """Forget a change that was not made, under the lock."""
        file = self._read()
        self._write(replace(file, changes=tuple(each for each in file.changes if each.id != entry.id)))
        self._blob(entry).unlink(missing_ok=True)

    def change(self, *entries: Entry) -> None:
        """Replace entries by those of the same number, under the lock."""
        new = {each.id: each for each in entries}
        file = self._read()
        self._write(replace(file, changes=tuple(new.get(each.id, each) for each in file.changes)))

    def former(self, entry: Entry) -> bytes | None:
        """Return what a file held before a change; None if there was none.

        :raises OllmError: it is no longer kept, or damaged
        """
        if not entry.before:
            return None
        try:
            data = self._blob(entry).read_bytes()
        except OSError as error:
            raise OllmError(f"What change {entry.id} replaced cannot be read: {error.strerror or error}") from error
        if digest(data) != entry.before:
            raise OllmError(f"What change {entry.id} replaced is damaged: {self._blob(entry)}")
        return data

    def _blob(self, entry: Entry) -> Path:
        return self._folder / f"{entry.id}.before"

    def _kept(self, changes: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Return the latest changes that may be kept, and remove what the others hold."""
        size, first = 0, len(changes)
        for number in range(len(changes) - 1, max(-1, len(changes) - MOST - 1), -1):
            size += changes[number].size
            if size > MOST_BYTES and number < len(changes) - 1:
                break
            first = number
        for each in changes[:first]:
            self._blob(each).unlink(missing_ok=True)
        return changes[first:]

    def _read(self) -> _File:
        try:
            return self._decoded(self.index.read_bytes())
        except FileNotFoundError:
            return _File(last=self._highest())
        except OSError as error:
            raise OllmError(f"{self.index} could not be read: {error.strerror or error}") from error
        except msgspec.MsgspecError as error:
            return self._anew(str(error))

    def _anew(self, why: str) -> _File:
        """Put a damaged index aside; only under the lock, else it could be the one that a writer has just put there."""
        if not self._holds:
            with self.locked():
                return self._read()
        set_aside(self.index, why, "changes before it cannot be taken back", self._notify, "undo-unreadable")
        return _File(last=self._highest())

    def _decoded(self, data: bytes) -> _File:
        """:raises OllmError: it is a later version's"""
        version = msgspec.json.decode(data, type=_Version).version
        if version > VERSION:
            raise OllmError(f"{self.index} has version {version}, and this ollm knows {VERSION}", "Use the newer ollm.")
        return msgspec.json.decode(data, type=_File)

    def _highest(self) -> int:
        """Return the highest number that was given, so that what is kept of it is not overwritten."""
        numbers = [each.stem for each in self._folder.glob("*.before")]
        return max((int(each) for each in numbers if each.isdecimal()), default=0)

    def _write(self, file: _File) -> None:
        lines = b",\n".join(map(msgspec.json.encode, file.changes))
        head = b'{"version": %d, "last": %d, "changes": [\n' % (file.version, file.last)
        write_atomically(self.index, b"%b%b\n]}\n" % (head, lines))


class _Version(Struct):
    version: int = VERSION


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def journal(host: HostContext) -> Journal:
    """Return where the changes of this user's tools are kept."""
    return Journal(host.paths.home / "undo", host.notify)
