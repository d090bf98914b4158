"""How is a file replaced so that it is the old one or the new one, never a half?

The new content is written beside it, flushed, and renamed over it, all in a folder that is held open. A file that
was changed since somebody agreed to its change is not touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ollm.api import OllmError
from ollm_plugins.files.opening import Folder, Snapshot, entered, refused
from ollm_plugins.files.places import Place, shown

_PREFIX, _SUFFIX = ".ollm-", ".tmp"
STALE: Final = 600.0
"""Seconds after which what a killed process has left beside a file is removed."""
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def replace_file(place: Place, data: bytes, seen: Snapshot | None, mode: int = 0) -> tuple[Path, ...]:
    """Write a file, and return the folders that were made for it.

    :param seen: what is replaced; None: a new file is made. A replaced file's mode and owner are kept
    :param mode: of a new file that is an old one come back; 0 gives it the one that the user's umask says
    :raises OllmError: the file is another one by now, or cannot be written; then it is unchanged
    """
    if seen is not None and not seen.state.st_mode & 0o222:
        raise OllmError(f"{shown(place.path)} is read-only, so it was not changed")
    made: list[Path] = []
    try:
        _replace(place, data, seen, mode, made)
    except BaseException:
        _remove_folders(place.root, made)
        raise
    return tuple(made)


def _replace(place: Place, data: bytes, seen: Snapshot | None, mode: int, made: list[Path]) -> None:
    with entered(place.root, place.parts[:-1], made if seen is None else None) as folder:
        temporary = f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        try:
            _remove_leftovers(folder)
            _write(folder, temporary, data, seen, mode)
            _put(folder, temporary, place, seen)
        except OSError as error:
            raise _not_written(place.path, error) from error
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(folder.at(temporary), dir_fd=folder.fd)
        _flush(folder)


def remove_file(place: Place, seen: Snapshot, made: tuple[Path, ...] = ()) -> None:
    """Remove a file.

    :param made: folders that are removed as well if nothing is left in them
    :raises OllmError: it is another one by now, or cannot be removed
    """
    with entered(place.root, place.parts[:-1]) as folder:
        try:
            _refuse_changed(folder, place, seen)
            os.unlink(folder.at(place.parts[-1]), dir_fd=folder.fd)
        except OSError as error:
            raise refused(place.path, error) from error
        _flush(folder)
    _remove_folders(place.root, made)


def _remove_folders(root: Path, made: Sequence[Path]) -> None:
    """Remove folders that were made for a file, as far as nobody else uses them by now."""
    for each in reversed(made):
        if each.is_relative_to(root) and each != root:
            *way, name = each.relative_to(root).parts
            with contextlib.suppress(OSError, OllmError), entered(root, tuple(way)) as folder:
                os.rmdir(folder.at(name), dir_fd=folder.fd)


def _write(folder: Folder, name: str, data: bytes, seen: Snapshot | None, mode: int) -> None:
    """Write what is to be renamed."""
    fd = folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if seen is not None else mode or 0o666)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        if seen is not None:
            _resemble(fd, folder, seen.state)
        os.fsync(fd)


def _resemble(fd: int, folder: Folder, state: os.stat_result) -> None:
    """Give a file the owner and mode of the one that it replaces; set-user-id is dropped, as on each write."""
    mine = os.fstat(fd)
    if hasattr(os, "fchown") and (mine.st_uid, mine.st_gid) != (state.st_uid, state.st_gid):
        with contextlib.suppress(PermissionError):  # only root gives files away; then it is whoever changes it
            os.fchown(fd, state.st_uid, state.st_gid)
    if folder.fd is not None:
        os.fchmod(fd, stat.S_IMODE(state.st_mode) & 0o777)


def _put(folder: Folder, temporary: str, place: Place, seen: Snapshot | None) -> None:
    """Rename what was written to where it belongs.

    :raises OllmError: something else is there by now
    """
    name = place.parts[-1]
    if seen is None and _linked(folder, temporary, place):
        return
    _refuse_changed(folder, place, seen)
    os.replace(folder.at(temporary), folder.at(name), src_dir_fd=folder.fd, dst_dir_fd=folder.fd)


def _linked(folder: Folder, temporary: str, place: Place) -> bool:
    """Give a new file its name if that is free, in one step; say if the file system cannot do so.

    :raises OllmError: the name is taken by now
    """
    target = folder.at(place.parts[-1])
    try:
        os.link(folder.at(temporary), target, src_dir_fd=folder.fd, dst_dir_fd=folder.fd, follow_symlinks=False)
    except FileExistsError as error:
        raise _changed(place) from error
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    return True


def _refuse_changed(folder: Folder, place: Place, seen: Snapshot | None) -> None:
    """:raises OllmError: under a name stands something else than what was seen"""
    found = folder.state(place.parts[-1])
    if _signature(found) != _signature(seen.state if seen is not None else None):
        raise _changed(place)


def _signature(state: os.stat_result | None) -> tuple[int, ...]:
    return () if state is None else (state.st_dev, state.st_ino, state.st_mode, state.st_size, state.st_mtime_ns)


def _changed(place: Place) -> OllmError:
    return OllmError(
        f"{shown(place.path)} was changed by another program just now, so it was left alone", "Read it again."
    )


def _not_written(path: Path, error: OSError) -> OllmError:
    reason = error.strerror or str(error)
    return OllmError(f"{shown(path)} could not be written: {reason}", "Nothing was changed.")


def _flush(folder: Folder) -> None:
    """Make a rename last through a power cut; a system that cannot hold folders has no such call."""
    if folder.fd is not None:
        with contextlib.suppress(OSError):  # the change is made by now, and some file systems hold no folders
            os.fsync(folder.fd)


def _remove_leftovers(folder: Folder) -> None:
    """Remove what a process that was killed while it wrote has left in a folder."""
    for name in (each for each in folder.names() if each.startswith(_PREFIX) and each.endswith(_SUFFIX)):
        state = folder.state(name)
        if state is not None and stat.S_ISREG(state.st_mode) and time.time() - state.st_mtime > STALE:
            with contextlib.suppress(OSError):  # another process was faster, or the folder does not allow it
                os.unlink(folder.at(name), dir_fd=folder.fd)
