"""Where is a result kept that was too long for a model?"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Final

from ollm.api import write_atomically

DAYS: Final = 7
"""Days after which a result is deleted, when the next one is kept."""
MOST: Final = 64 << 20
"""Bytes that all results may take; the oldest are deleted first."""


class Keeper:
    """Keeps results as files, which only this user can read.

    :param folder: it is made when the first one is kept
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counts: Counter[str] = Counter()
        self._is_tidy = False

    def keep(self, turn: str, content: str) -> Path:
        """Keep a result of a turn, and return where; once a run, old ones are deleted.

        :raises OllmError: it could not be written
        """
        self._counts[turn] += 1
        path = self._folder / f"{turn}-{self._counts[turn]}.txt"
        write_atomically(path, content.encode("utf-8", "replace"), follow=False)
        if not self._is_tidy:
            self._is_tidy = True
            tidy(self._folder, time.time())
        return path


def tidy(folder: Path, now: float) -> None:
    """Delete results that are old, and the oldest of too many; what cannot be deleted stays.

    :param now: seconds since 1970
    """
    found: list[tuple[float, int, Path]] = []
    for path in folder.glob("*.txt*"):  # what a kill has left half-written, too
        try:
            said = path.lstat()
        except OSError:  # another process was faster
            continue
        found.append((said.st_mtime, said.st_size, path))
    kept = 0
    for time_, size, path in sorted(found, reverse=True):
        kept += size
        if time_ < now - DAYS * 86_400 or kept > MOST:
            _delete(path)


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # it is not ours; the next run tries again
        return
