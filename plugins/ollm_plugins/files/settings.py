"""Which settings say what the file tools may reach?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

import os
from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


def _relative(roots: tuple[str, ...]) -> str:
    """Say which roots would mean another folder wherever the user works."""
    wrong = [each for each in roots if "\0" in each or not os.path.isabs(os.path.expanduser(each))]  # noqa: PTH111, PTH117  (the user of a ~ may be unknown)
    return f"{wrong[0]!r} is no absolute path, nor does it begin with ~/" if wrong else ""


class FilesSettings(Struct, frozen=True):
    """What the file tools may reach."""

    roots: Annotated[
        tuple[str, ...],
        Setting(
            "Folders besides the workspace in which the file tools may read and write.",
            env=("OLLM_TOOLS_FILES_ROOTS",),
            project=False,
            check=_relative,
            completes="folder",
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
