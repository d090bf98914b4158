"""How is state written so that the power could go?

A file is replaced as a whole: written beside its place, flushed to disk, renamed. Where two processes may
write, a lock file stands beside it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ollm.errors import OllmError
from ollm.messages import Notice
from ollm.text import visible


def write_atomically(path: Path, content: str | bytes, *, follow: bool = True) -> None:
    """Replace a file's content, or leave it as it was.

    :param path: its folder is created if need be; an existing file keeps its mode, a new one gets 0600
    :param follow: whether it may be a link, whose target is then replaced; False, where strangers may have put one:
        neither the file nor its folder may be one
    :raises OllmError: the content could not be written; the old one is untouched
    """
    data = content.encode() if isinstance(content, str) else content
    target = Path(os.path.realpath(path)) if follow else path
    try:
        if not follow:
            _refuse_link(path)
        _refuse_other_kinds(target)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            Path(name).chmod(target.stat().st_mode & 0o777)
        Path(name).replace(target)
        _sync_folder(target.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        if isinstance(error, OSError):
            raise _not_written(path, error) from error
        raise


def _refuse_link(path: Path) -> None:
    """:raises OSError: a file or its folder is a link"""
    for each in (path, path.parent):
        if each.is_symlink():
            raise OSError(errno.ELOOP, f"{each} is a link")


def _refuse_other_kinds(target: Path) -> None:
    """Refuse what is no file: a rename would put one in the place of /dev/full, for everybody.

    :raises OSError: it is a folder, a device, a pipe or a socket
    """
    if target.exists() and not target.is_file():
        raise OSError(errno.EEXIST, "it is a folder or a device, not a file")


def _not_written(path: Path, error: OSError) -> OllmError:
    return OllmError(f"{path} could not be written: {error.strerror or error}", "Its former content is untouched.")


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut; Windows has no such call for folders."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # the file is replaced by now, and some file systems hold no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def file_lock(path: Path, timeout: float = 10.0) -> Iterator[None]:
    """Hold the lock of a file against other processes.

    :param path: the file to be changed; its lock is the same name with `.lock` added
    :param timeout: seconds to wait; negative waits for good
    :raises OllmError: another process holds it for longer (then its cause is a `TimeoutError`), or the lock, which is
        a file itself, cannot be made
    """
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock", timeout=timeout)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        problem = f"{path} is locked by another process for more than {timeout:g} s"
        raise OllmError(problem, "Wait for it to end, then try again.") from error
    except OSError as error:
        problem = f"{path} could not be locked: {error.strerror or error}"
        raise OllmError(problem, "Make its folder writable, then try again.") from error
    try:
        yield
    finally:
        lock.release()


def set_aside(path: Path, why: str, so: str, notify: Callable[[Notice], None], code: str) -> Path | None:
    """Keep a file that cannot be used, under another name, and tell the user.

    :param why: it cannot be used; may come from the file itself
    :param so: what follows from that, e.g. "estimates start anew"
    :param code: of the notice
    :return: where it is kept now; None where it could not be renamed, or is not there any more
    """
    aside = _free_name(path)
    try:
        path.rename(aside)
    except FileNotFoundError:  # another process was faster, and says it
        return None
    except OSError as error:
        notify(Notice(code, f"{path} cannot be used ({visible(why)}), nor renamed ({error.strerror or error}): {so}."))
        return None
    notify(Notice(code, f"{path} cannot be used ({visible(why)}); it is kept as {aside.name}, and {so}."))
    return aside


def _free_name(path: Path) -> Path:
    """Return a name for a file that is set aside; one that was set aside before is kept, too."""
    names = (path.with_name(f"{path.name}.unreadable{end}") for end in ("", *(f"-{n}" for n in range(2, 100))))
    return next((name for name in names if not name.exists()), path.with_name(f"{path.name}.unreadable"))
