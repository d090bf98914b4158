"""Which files may a tool reach?

Those under the roots: the repository that the user works in, or the folder; the folders of the setting
`tools.files.roots`; and, to read only, the results that were too long for a model. A path is resolved before it is
compared with the roots, so that `..` and links lead nowhere else; what is opened then is found step by step from its
root, without following links (`opening`), so that nobody can put one in between.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import HostContext, OllmError, UsageError, visible
from ollm_plugins.files.settings import FilesSettings

SYSTEM: Final = tuple(map(Path, ("/proc", "/sys", "/dev")))
"""What looks like files there are doors of the system; also when a root is above them."""


_BYTE: Final = re.compile("[\udc80-\udcff]")
"""Stands for a byte of a name that is no UTF-8 (PEP 383)."""


class Place(Struct, frozen=True):
    """Where a file is, or would be.

    :param root: a real path, in which the place lies
    :param parts: the way from there, without links; empty for the root itself
    :param writable: whether tools may write there
    """

    root: Path
    parts: tuple[str, ...]
    writable: bool = True

    @property
    def path(self) -> Path:
        """The real path."""
        return self.root.joinpath(*self.parts)


def locate(host: HostContext, given: str) -> Place:
    """Return the place that a model means by a path, relative to the folder in which the user works.

    :raises UsageError: it is no path
    :raises OllmError: it leads out of the roots
    """
    if not given.strip() or "\0" in given:
        raise UsageError("The path is empty or holds a NUL byte", "Give a path relative to the workspace.")
    try:
        path = host.workspace / (Path(given).expanduser() if given == "~" or given.startswith("~/") else given)
        real = Path(os.path.realpath(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{shown(given)} is no path: {error}") from error
    if any(real.is_relative_to(each) for each in SYSTEM):
        raise OllmError(f"{shown(given)} belongs to the system and is no file to work with")
    for root, writable in roots(host):
        if real.is_relative_to(root):
            return Place(root, real.relative_to(root).parts, writable)
    raise OllmError(
        f"{shown(given)} leads out of the workspace {shown(workspace(host))}",
        "Stay inside; the user can open another folder with the setting `tools.files.roots`.",
    )


def is_there(path: Path) -> bool:
    """Say whether there is a file; one that cannot be looked at is left to whoever opens it, who tells why."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def roots(host: HostContext) -> list[tuple[Path, bool]]:
    """Return the real paths of the roots, each with whether tools may write there; the first that fits counts."""
    more = host.settings.section(FilesSettings).roots
    return [
        (_real(host.paths.tool_results), False),
        (workspace(host), True),
        *((_real(Path(each).expanduser()), True) for each in more),
    ]


def workspace(host: HostContext) -> Path:
    """Return the real path of the repository that the user works in, or of the folder if it is in none.

    Only a repository of the folder's own owner widens it: else anybody could, with `/tmp/.git`.
    """
    real = _real(host.workspace)
    for each in (real, *real.parents):
        try:
            found = (each / ".git").lstat()
            owner = real.stat().st_uid
        except OSError:
            continue
        return each if found.st_uid == owner else real
    return real


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def named(host: HostContext, path: Path) -> str:
    """Return how a path is called: relative to the folder in which the user works, or whole if it is not in there."""
    folder = _real(host.workspace)
    return shown(path.relative_to(folder) if path.is_relative_to(folder) else path)


def shown(path: Path | str) -> str:
    """Return a path as text on one line; what is no text in it stands as escapes."""
    text = _BYTE.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", str(path))
    return visible(text).replace("\n", "\\n").replace("\t", "\\t")
