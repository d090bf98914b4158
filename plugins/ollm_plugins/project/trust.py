"""Which projects does the user trust, and with which content?

`trust.json` holds, by the real path of each project, the content of its files that the user has agreed to: the hash
decides, the text shows later what has changed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct, field

from ollm.api import file_lock, set_aside, write_atomically

if TYPE_CHECKING:
    from ollm.api import HostContext
    from ollm_plugins.project.reading import Content

_FILE: Final = "trust.json"


class TrustedFile(Struct, frozen=True):
    """A file as it was when the user agreed to it."""

    sha256: str
    text: str


class TrustedProject(Struct, frozen=True):
    """A project that the user trusts.

    :param since: ISO 8601 time
    :param files: by their path in the project
    """

    since: str
    files: Mapping[str, TrustedFile]


class _Store(Struct, frozen=True):
    projects: dict[str, TrustedProject] = field(default_factory=dict)
    version: Literal[1] = 1


class Trust:
    """What the user trusts; read anew when it has changed, since other processes write it."""

    def __init__(self, host: HostContext) -> None:
        self._path = host.paths.home / _FILE
        self._notify = host.notify
        self._before: tuple[tuple[int, int, int], Mapping[str, TrustedProject]] | None = None

    def of(self, root: Path) -> TrustedProject | None:
        """Return what is trusted of a project; None when nothing is."""
        return self._read().get(_key(root))

    def trusts(self, root: Path, content: Content) -> bool:
        """Whether the user has agreed to just this content in just this project."""
        project = self.of(root)
        agreed = project.files.get(content.name) if project else None
        return agreed is not None and agreed.sha256 == content.sha256

    def give(self, root: Path, contents: tuple[Content, ...]) -> None:
        """Note that the user has agreed to the content of a project's files, in the place of former ones.

        :raises OllmError: it cannot be written
        """
        from datetime import UTC, datetime

        files = dict(map(_agreed, contents))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with file_lock(self._path):
            self._write({**self._read(), _key(root): TrustedProject(now, files)})

    def add(self, root: Path, content: Content) -> None:
        """Note that the user has agreed to one file's content as well, in a project that is trusted.

        :raises OllmError: it cannot be written
        """
        with file_lock(self._path):
            projects = self._read()
            if (project := projects.get(_key(root))) is not None:
                files = {**project.files, **dict([_agreed(content)])}
                self._write({**projects, _key(root): TrustedProject(project.since, files)})

    def withdraw(self, root: Path) -> bool:
        """Trust a project no longer; False if it was not trusted.

        :raises OllmError: it cannot be written
        """
        with file_lock(self._path):
            projects = dict(self._read())
            if projects.pop(_key(root), None) is None:
                return False
            self._write(projects)
            return True

    def _write(self, projects: dict[str, TrustedProject]) -> None:
        write_atomically(self._path, msgspec.json.format(msgspec.json.encode(_Store(projects)), indent=1))

    def _read(self) -> Mapping[str, TrustedProject]:
        try:
            now = self._path.stat()
            mark = (now.st_ino, now.st_mtime_ns, now.st_size)
            if self._before is None or self._before[0] != mark:
                self._before = (mark, msgspec.json.decode(self._path.read_bytes(), type=_Store).projects)
            return self._before[1]
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            so = "no project is trusted until you say so again"
            set_aside(self._path, str(error), so, self._notify, "trust-unreadable")
            return {}


def _agreed(content: Content) -> tuple[str, TrustedFile]:
    return content.name, TrustedFile(content.sha256, content.text)


def _key(root: Path) -> str:
    """Return the real path of a project; bytes in it that are no UTF-8 stand as escapes, since JSON has only text."""
    return os.fsencode(os.path.realpath(root)).decode("utf-8", "backslashreplace")
