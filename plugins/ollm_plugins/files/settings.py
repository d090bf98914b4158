"""Which settings say what the file tools may reach?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from dataclasses import dataclass
from typing import Annotated

from ollm.api import Setting


@dataclass(frozen=True)
class FilesSettings:
    """What the file tools may reach."""

    roots: Annotated[
        tuple[str, ...],
        Setting(
            "Folders besides the workspace in which the file tools may read and write.",
            env=("OLLM_TOOLS_FILES_ROOTS",),
            project=False,
        ),
    ] = ()
    max_bytes: Annotated[
        int,
        Setting(
            "How many bytes a file may have that a tool reads or changes, at most.",
            env=("OLLM_TOOLS_FILES_MAX_BYTES",),
            project=False,
            ge=1,
        ),
    ] = 10_000_000
