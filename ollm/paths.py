"""Where do files live?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class Paths(Struct, frozen=True):
    """The folders and files of one user: `~/.ollm`, or what `OLLM_HOME` names."""

    home: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Paths:
        """Return the paths that hold in an environment."""
        moved = environ.get("OLLM_HOME")
        return cls(Path(moved).expanduser().absolute() if moved else Path("~/.ollm").expanduser())

    @property
    def config(self) -> Path:
        """The user's settings."""
        return self.home / "config.yaml"

    @property
    def models(self) -> Path:
        """Weights of the embedded engine."""
        return self.home / "models"

    @property
    def cache(self) -> Path:
        """Files that may be deleted at any time."""
        return self.home / "cache"

    @property
    def tool_results(self) -> Path:
        """Results of tools that were too long for a model, whole; a model may read them."""
        return self.cache / "tool-results"


class TrustedProject(Protocol):
    """Knows what the user trusts of the project that they work in. A plugin provides it as a service."""

    def folder(self) -> Path | None:
        """Return the project's `.ollm` if the user trusts the project; of its files those may be used that are agreed to."""
        ...

    def distrusted(self) -> Path | None:
        """Return the project's `.ollm` if one is there, and the user does not trust the project."""
        ...

    def agreed(self, file: Path, text: str) -> bool:
        """Say whether the user has agreed to a file of the project, with just this content."""
        ...

    def agree(self, file: Path, text: str) -> None:
        """Note that the user has written this content of a file themselves, in a project that they trust.

        :raises OllmError: it cannot be noted
        """
        ...
