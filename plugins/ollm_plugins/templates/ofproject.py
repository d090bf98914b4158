"""Which templates of the project may be used?

Those that the user has agreed to, each with the content that it had then: who else can change the project's files could
change what a name that the user trusts sends to a model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ollm.api import ServiceFinder, TrustedProject, visible
from ollm_plugins.templates.reading import Broken

FOLDER: Final = "templates"


class OfProject:
    """What is known of the project that the user works in."""

    def __init__(self, services: ServiceFinder) -> None:
        self._services = services

    @property
    def _trusted(self) -> TrustedProject | None:
        return self._services.find(TrustedProject)

    @property
    def folder(self) -> Path | None:
        """Where its templates stand, if the user trusts it."""
        folder = self._trusted.folder() if self._trusted is not None else None
        return folder / FOLDER if folder is not None else None

    @property
    def left_out(self) -> str:
        """Which templates are left out, and what helps; empty if none are."""
        folder = self._trusted.distrusted() if self._trusted is not None else None
        if folder is None or not (folder / FOLDER).is_dir():
            return ""
        return f"{folder / FOLDER} is left out, since you do not trust the project; `ollm project trust` shows it."

    def agreed(self, path: Path, text: str) -> bool:
        """Whether the user has agreed to this content of a file."""
        return self._trusted is not None and self._trusted.agreed(path, text)

    def check(self, path: Path, text: str) -> None:
        """:raises Broken: the user has not agreed to this content of a file"""
        if not self.agreed(path, text):
            problem = "is new or has changed since you trusted the project; `ollm project trust` shows it"
            raise Broken((f"{visible(str(path))}: {problem}",))

    def changed(self, path: Path, before: str, now: str) -> bool:
        """Go on trusting a file that the user has changed, if they had agreed to all that was in it.

        :return: whether it can be used
        :raises OllmError: it cannot be noted
        """
        if self._trusted is None or not self.agreed(path, before):
            return False
        self._trusted.agree(path, now)
        return True
