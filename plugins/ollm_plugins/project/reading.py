"""How is a file of a project read, whoever wrote it?

Nothing outside of the project is read: links are refused, and so is what is no plain file or too large. What was read
is hashed and parsed from one and the same bytes, so that it does not matter what the file holds a moment later.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import SettingsError, visible
from ollm_plugins.project.folders import shown

FOLDER: Final = ".ollm"
FILE: Final = f"{FOLDER}/project.yaml"
AGENTS: Final = "AGENTS.md"

MAX_BYTES: Final = 64 << 10
"""Bytes of a file, at most: 16,000 tokens, which already is more than most models read in a system prompt."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Content(Struct, frozen=True):
    """What a file held when it was read.

    :param name: its path in the project, with slashes
    :param sha256: of its bytes, in hexadecimal digits
    """

    path: Path
    name: str
    text: str
    sha256: str


def read(root: Path, name: str, most: int = MAX_BYTES) -> Content | None:
    """Read a file of a project; None when it is not there.

    :param name: its path in the project, with slashes
    :param most: bytes that it may have
    :raises SettingsError: it is not what it should be, or cannot be read
    """
    path = root / name
    try:
        _refuse_links(root, path)
        with open(path, "rb", opener=lambda file, _: os.open(file, _FLAGS)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unfit(path, "is no regular file")
            data = file.read(most + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unfit(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > most:
        raise _unfit(path, f"is larger than {most >> 10} KiB")
    return _content(path, name, data)


def _content(path: Path, name: str, data: bytes) -> Content:
    """:raises SettingsError: it is no text"""
    from hashlib import sha256

    try:
        return Content(path, name, data.decode(), sha256(data).hexdigest())
    except UnicodeDecodeError as error:
        raise _unfit(path, f"is not UTF-8 text (byte {error.start})") from error


def written(root: Path, path: Path, text: str) -> Content:
    """Return a file of a project as it is with a text."""
    return _content(path, path.relative_to(root).as_posix(), text.encode())


def _refuse_links(root: Path, path: Path) -> None:
    """Refuse a link on the way from the root to a file, and what is no plain file.

    :raises SettingsError: there is one
    :raises OSError: something is not there
    """
    for each in (*reversed(path.parents), path):
        if each == root or root not in each.parents:
            continue
        mode = each.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise _unfit(each, "is a link, which no file of a project may be")
        if each == path and not stat.S_ISREG(mode):  # a pipe or a device might never end
            raise _unfit(each, "is a folder, not a file" if stat.S_ISDIR(mode) else "is no regular file")


def _unfit(path: Path, problem: str) -> SettingsError:
    return SettingsError((f"{visible(shown(path))} {problem}",))


def digest(contents: tuple[Content, ...]) -> str:
    """Return one SHA-256 for several files: that of a line with hash and name for each."""
    from hashlib import sha256

    return sha256("".join(f"{each.sha256}  {each.name}\n" for each in contents).encode()).hexdigest()
