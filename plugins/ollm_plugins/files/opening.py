"""How is a file opened so that nobody can lead the way elsewhere?

Between looking at a path and opening it, somebody could put a link in its place. So each folder on the way is opened
from the one before, and none of them may be a link. Where a system cannot do that (Windows), it is looked at once more
after opening.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import OllmError
from ollm_plugins.files.places import Place, shown

STEPWISE: Final = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_PLAIN = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)
"""A named pipe is then opened at once instead of waiting for somebody to write."""
_FOLDER = os.O_RDONLY | _PLAIN | getattr(os, "O_DIRECTORY", 0)


class Folder:
    """A folder that is held open, so that what is done in it is done there.

    :param fd: None where a system cannot hold folders
    """

    def __init__(self, path: Path, fd: int | None) -> None:
        self.path = path
        self.fd = fd

    def at(self, name: str) -> str:
        """Return what the functions of `os` are to be given for a name, together with `fd`."""
        return name if self.fd is not None else str(self.path / name)

    def names(self) -> list[str]:
        """Return what is in the folder.

        :raises OSError: it cannot be listed
        """
        with os.scandir(self.path if self.fd is None else self.fd) as entries:
            return [each.name for each in entries]

    def state(self, name: str) -> os.stat_result | None:
        """Return what stands under a name, a link as a link; None if nothing does.

        :raises OSError: it cannot be looked at
        """
        try:
            return os.stat(self.at(name), dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int, mode: int = 0o666) -> int:
        """Open a file in this folder that is no link.

        :raises OSError: it cannot be opened, or is a link
        """
        fd = os.open(self.at(name), flags | _PLAIN, mode, dir_fd=self.fd)
        if self.fd is None and not _is_still(fd, self.path / name):
            os.close(fd)
            raise OSError(errno.ELOOP, "a link leads elsewhere")
        return fd


class Snapshot(Struct, frozen=True):
    """A file as it was at one moment."""

    data: bytes
    state: os.stat_result


def _is_still(fd: int, path: Path) -> bool:
    return os.path.realpath(path) == str(path) and os.path.samestat(os.fstat(fd), path.stat())


@contextlib.contextmanager
def entered(root: Path, parts: tuple[str, ...], made: list[Path] | None = None) -> Iterator[Folder]:
    """Open the folder at the end of a way.

    :param root: a real path
    :param parts: the way from there, without links
    :param made: gets the folders that are made since they are missing; without it, none is made
    :raises OllmError: it cannot be opened, or a link stands in the way
    """
    held: list[int] = []
    try:
        yield _walked(root, parts, held, made)
    finally:
        for fd in held:
            os.close(fd)


def _walked(root: Path, parts: tuple[str, ...], held: list[int], made: list[Path] | None) -> Folder:
    here = root
    fd: int | None = None
    try:
        if STEPWISE:
            held.append(fd := os.open(root, _FOLDER))
        for part in parts:
            folder = Folder(here, fd)
            here = here / part
            if made is not None and folder.state(part) is None:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder.at(part), dir_fd=fd)
                    made.append(here)
            fd = open_folder(folder, part)
            held += [] if fd is None else [fd]
    except OSError as error:
        raise refused(here, error) from error
    return Folder(here, fd)


def open_folder(folder: Folder, name: str) -> int | None:
    """Open a folder in another one; None where a system cannot hold folders.

    :raises OSError: it cannot be opened, or is a link
    """
    if STEPWISE:
        return os.open(name, _FOLDER, dir_fd=folder.fd)
    path = folder.path / name
    if os.path.realpath(path) != str(path):
        raise OSError(errno.ELOOP, "a link leads elsewhere")
    return None


def snapshot(place: Place, most: int) -> Snapshot | None:
    """Read a file; None if there is none.

    :param most: bytes that it may have
    :raises OllmError: it cannot be read, is no regular file, or is too large
    """
    if not place.parts:
        raise OllmError(f"{shown(place.path)} is a folder", "`glob` lists what is in it.")
    try:
        with entered(place.root, place.parts[:-1]) as folder:
            fd = folder.open(place.parts[-1], os.O_RDONLY | _AT_ONCE)
            try:
                state = os.fstat(fd)
                _refuse_unfit(place.path, state, most)
                with os.fdopen(fd, "rb", closefd=False) as file:
                    return Snapshot(file.read(state.st_size), state)
            finally:
                os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise refused(place.path, error) from error
    except Missing:
        return None


def _refuse_unfit(path: Path, state: os.stat_result, most: int) -> None:
    """:raises OllmError: it is no regular file, or too large"""
    if stat.S_ISDIR(state.st_mode):
        raise OllmError(f"{shown(path)} is a folder", "`glob` lists what is in it.")
    if not stat.S_ISREG(state.st_mode):
        raise OllmError(f"{shown(path)} is a {_kind(state.st_mode)}, not a file")
    if state.st_size > most:
        raise _too_large(path, state.st_size, most)


def _too_large(path: Path, size: int, most: int) -> OllmError:
    problem = f"{shown(path)} has {size:,} bytes; {most:,} are allowed"
    return OllmError(problem, "Search in it with a shell command, or raise the setting `tools.files.maxBytes`.")


def _kind(mode: int) -> str:
    kinds = (
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISCHR, "device"),
        (stat.S_ISBLK, "device"),
    )
    return next((name for is_kind, name in kinds if is_kind(mode)), "special file")


class Missing(OllmError):
    """There is no such file or folder."""


def refused(path: Path, error: OSError) -> OllmError:
    """Return what to say of a file that cannot be opened or changed."""
    name = shown(path)
    if error.errno == errno.ENOENT:
        return Missing(f"There is no {name}")
    if error.errno == errno.ELOOP or (error.errno == errno.ENOTDIR and path.is_symlink()):
        return OllmError(f"{name} was not opened: a link was put in its place meanwhile, or it leads in a circle")
    if error.errno == errno.ENXIO:
        return OllmError(f"{name} is a socket or a device, not a file")
    if error.errno == errno.EISDIR:
        return OllmError(f"{name} is a folder")
    return OllmError(f"{name}: {error.strerror or error}")
