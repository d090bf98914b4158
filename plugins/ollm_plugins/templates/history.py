"""Which values did a variable have before, whatever template it stands in?"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory  # noqa: TID253  (imported when somebody is asked)

MOST = 1 << 20
"""Bytes of a file, after which it begins anew."""


class ValueHistory(FileHistory):
    """Former values; a value can be given even where none can be read or kept.

    :param keeps: whether the user wants values kept; if not, those of before are offered all the same
    :ivar problem: why the last value could not be kept; empty if it could
    """

    def __init__(self, file: Path, *, keeps: bool = True) -> None:
        super().__init__(file)
        self._file = file
        self._keeps = keeps
        self.problem = ""

    def load_history_strings(self) -> Iterable[str]:
        """Return what the file holds, the latest first."""
        try:
            return list(super().load_history_strings()) if self._file.is_file() else []
        except OSError:  # which storing will tell
            return []

    def store_string(self, string: str) -> None:
        """Keep a value, in a file that only the user may read."""
        if not self._keeps:
            return
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._file.is_file() and self._file.stat().st_size > MOST:
                self._file.unlink()
            self._file.touch(mode=0o600)
            super().store_string(string)
        except OSError as error:
            self.problem = error.strerror or str(error)
        except UnicodeEncodeError:  # it is no text, and asked for anew
            return
