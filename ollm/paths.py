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
    """Knows whether the user trusts the project that they work in. A plugin provides it as a service."""

    def folder(self) -> Path | None:
        """Return the project's `.ollm`, whose files may be used; None where there is no project that is trusted."""
        ...
