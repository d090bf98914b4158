"""Which lines were typed before, here and elsewhere?

One file for all runs, one JSON array `[time, folder, line]` a line: those of the folder that one works in come first,
then all others. Written by many programs at once.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from prompt_toolkit.history import History

from ollm.api import OllmError, file_lock, write_atomically

MOST: Final = 10_000
"""Lines that are kept."""

PATIENCE: Final = 1.0
"""Seconds that Enter may wait for another program that writes."""

SPARE: Final = 2_000
"""Lines beyond those, before the file is shortened."""


class FolderHistory(History):
    """The lines of all runs.

    :param file: where they are kept; None keeps none
    :param folder: returns the one that the user works in
    :param tell: is told, once, that a line could not be kept
    :param may_keep: says whether the line that was typed may be kept
    """

    def __init__(
        self,
        file: Path | None,
        folder: Callable[[], str],
        tell: Callable[[str], None],
        may_keep: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._file = file
        self._folder = folder
        self._tell = tell
        self._may_keep = may_keep
        self._shortened = False

    def load_history_strings(self) -> Iterable[str]:
        """Return the lines, those of this folder first, the latest first, each once."""
        here, rows = self._folder(), self._rows()
        ordered = [*(line for _, folder, line in rows if folder == here), *(line for _, _, line in rows)]
        return dict.fromkeys(ordered)

    def store_string(self, string: str) -> None:
        """Keep a line; one that begins with a space is kept for this run only, as shells do."""
        if self._file is None or string.startswith(" ") or not self._may_keep():
            return
        row = json.dumps([round(time.time(), 3), self._folder(), string], ensure_ascii=False)
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with file_lock(self._file, PATIENCE):
                self._shorten()
                descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
                    file.write(f"{row}\n")
        except (OSError, OllmError) as error:
            self._tell(f"The line could not be kept for later: {error}")
            self._file = None

    def _rows(self) -> list[tuple[float, str, str]]:
        """Return what the file holds, the latest first; a line that is none is left out."""
        if self._file is None:
            return []
        try:
            lines = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:  # there is none yet, or it cannot be read, which writing will tell
            return []
        return [row for row in map(_row, reversed(lines)) if row is not None]

    def _shorten(self) -> None:
        """Drop the oldest lines once a run, if there are many."""
        if self._shortened or self._file is None or not self._file.exists():
            return
        self._shortened = True
        lines = self._file.read_text(encoding="utf-8", errors="replace").splitlines()
        if len(lines) > MOST + SPARE:
            write_atomically(self._file, "\n".join([*lines[-MOST:], ""]))


def _row(line: str) -> tuple[float, str, str] | None:
    try:
        at, folder, text = json.loads(line)
    except (ValueError, TypeError):
        return None
    if not isinstance(folder, str) or not isinstance(text, str) or not isinstance(at, int | float):
        return None
    return float(at), folder, text
