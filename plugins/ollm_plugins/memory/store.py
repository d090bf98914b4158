"""How is what is remembered kept in a file, so that nothing is lost?

`memory.json` is read whenever it has changed, and replaced as a whole under a lock. What each change replaced stands in
the same file, so that a change and the way back are one write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from ollm.api import MemoryEntry, Notice, OllmError, file_lock, set_aside, write_atomically
from ollm_plugins.memory.changes import Change, kept
from ollm_plugins.memory.entries import SCOPES, Place, place_of
from ollm_plugins.memory.original import entries_of

FILE: Final = "memory.json"
VERSION: Final = 2
"""Version 1 is the original program's: it has neither scopes nor changes."""

PATIENCE: Final = 120.0
"""Seconds to wait for other processes: fifty that add twenty entries each take less on two cores."""

_Result = TypeVar("_Result")
_Signature = tuple[int, int, int]


class Content(Struct, frozen=True):
    """What a file holds.

    :param changes: those that can be taken back, the last one last
    :param raw: the file itself, when it is the original program's and has to be kept before it is replaced
    """

    entries: Mapping[Place, MemoryEntry] = {}
    changes: tuple[Change, ...] = ()
    raw: bytes = b""


class _File(Struct, frozen=True):
    version: int
    memories: tuple[MemoryEntry, ...]
    changes: tuple[Change, ...] = ()


class _NewerFile(OllmError):
    """The file was written by a later version of ollm, which is no damage."""


class Store:
    """The file.

    :param notify: tells the user one line; may be called from another thread
    """

    def __init__(self, home: Path, notify: Callable[[Notice], None]) -> None:
        self.path = home / FILE
        self._notify = notify
        self._seen: tuple[_Signature, Content] | None = None

    def read(self) -> Content:
        """Return what is remembered; a file that is damaged is kept aside under another name, which is said.

        :raises OllmError: it cannot be read, or a later version of ollm has written it
        """
        try:
            return self._read()
        except ValueError:
            with self._locked(PATIENCE):  # else a file that another process has just replaced could be put aside
                return self._sound()

    def change(
        self, work: Callable[[dict[Place, MemoryEntry], list[Change]], _Result], patience: float = PATIENCE
    ) -> _Result:
        """Change what is remembered, with no other process between reading and writing.

        :param work: changes what it is given, in place; if it raises, nothing is written
        :param patience: seconds to wait for other processes
        :raises OllmError: it could not be written, and the file is unchanged
        """
        with self._locked(patience):
            content = self._sound()
            entries, changes = dict(content.entries), list(content.changes)
            result = work(entries, changes)
            if entries == content.entries and changes == list(content.changes):
                return result
            if content.raw:
                self._keep_original(content.raw)
            self._remove_leftovers()
            write_atomically(self.path, _encoded(entries, kept(changes)))
            return result

    @contextlib.contextmanager
    def _locked(self, patience: float) -> Iterator[None]:
        try:
            with file_lock(self.path, timeout=patience):
                yield
        except OSError as error:  # the lock itself is a file
            problem = f"{self.path} could not be locked: {error.strerror or error}"
            raise OllmError(problem, "What is remembered is unchanged.") from error

    def _sound(self) -> Content:
        """Return what is remembered, while the lock is held."""
        try:
            return self._read()
        except ValueError as error:
            set_aside(self.path, str(error), "memory starts anew", self._notify, "memory-set-aside")
            self._seen = None
            return Content()

    def _read(self) -> Content:
        """Return what is remembered, from the file if it is another one than last time.

        :raises ValueError: it is damaged
        """
        try:
            with self.path.open("rb") as file:
                signature = _signature(file.fileno())
                if self._seen is None or self._seen[0] != signature:
                    self._seen = signature, _decoded(file.read(), self.path)
                return self._seen[1]
        except FileNotFoundError:
            self._seen = None
            return Content()
        except OSError as error:
            raise OllmError(f"{self.path} could not be read: {error.strerror or error}") from error

    def _keep_original(self, raw: bytes) -> None:
        names = (self.path.with_name(f"memory.v1{end}.json") for end in ("", *(f"-{n}" for n in range(2, 1000))))
        backup = next(each for each in names if not each.exists())
        write_atomically(backup, raw)
        text = f"{self.path} was the original program's; it is brought into this one's form, and kept as {backup.name}."
        self._notify(Notice("memory-upgraded", text))

    def _remove_leftovers(self) -> None:
        """Remove what processes that were killed while they wrote have left; nobody else writes now."""
        for path in self.path.parent.glob(f".{FILE}.*"):
            with contextlib.suppress(OSError):
                path.unlink()


def _signature(descriptor: int) -> _Signature:
    import os

    found = os.fstat(descriptor)
    return found.st_ino, found.st_mtime_ns, found.st_size


def _decoded(data: bytes, path: Path) -> Content:
    """Return what a file holds.

    :raises ValueError: it is damaged
    :raises OllmError: it is a later version's
    """
    try:
        file = msgspec.json.decode(data, type=_File)
    except msgspec.ValidationError as error:
        return _of_another_form(data, path, ValueError(str(error)))
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if file.version > VERSION:
        raise _newer(path, file.version)
    if file.version < VERSION:
        return _of_another_form(data, path, None)
    wrong = {each.scope for each in file.memories} - set(SCOPES[:2])
    if wrong:
        raise ValueError(f"there is no scope {min(wrong)!r}")
    return Content({place_of(each): each for each in file.memories}, file.changes)


def _of_another_form(data: bytes, path: Path, error: ValueError | None) -> Content:
    """Return what a file holds that is not of this version.

    :raises ValueError: it is not the original program's either
    :raises OllmError: it is a later version's
    """
    document = msgspec.json.decode(data)  # it is JSON, else there would be no other form
    version = document.get("version", 1) if isinstance(document, dict) else 1
    if isinstance(version, int) and version > VERSION:
        raise _newer(path, version)
    if version == VERSION and error is not None:
        raise error
    return Content({place_of(each): each for each in entries_of(document)}, raw=data)


def _newer(path: Path, version: int) -> OllmError:
    return _NewerFile(f"{path} has version {version}, and this ollm knows {VERSION}", "Use the newer ollm.")


def _encoded(entries: Mapping[Place, MemoryEntry], changes: tuple[Change, ...]) -> bytes:
    """Return the file: one entry a line, so that people can read and compare it."""
    lines = b",\n".join(map(msgspec.json.encode, entries.values()))
    back = b",\n".join(map(msgspec.json.encode, changes))
    return b'{"version": %d,\n"memories": [\n%b\n],\n"changes": [\n%b\n]}\n' % (VERSION, lines, back)
