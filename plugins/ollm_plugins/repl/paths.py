"""Which files could be meant by a path that is being typed?"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Final

LOOKED_AT: Final = 5000
"""Names in a folder that are looked at, at most: a key must not wait for a folder of a million files."""


def paths(word: str, workspace: Path, most: int) -> list[str]:
    """Return the paths that begin as a word does, as it spells them; folders end with a slash.

    :param workspace: what relative paths are relative to
    :param most: how many at most
    """
    head, _, tail = word.rpartition("/")
    spelled = f"{head}/" if "/" in word else ""
    folder = Path(os.path.expanduser(spelled or "."))  # noqa: PTH111  (Path.expanduser fails on an unknown user)
    try:
        with os.scandir(workspace / folder) as entries:
            found = [each for each in islice(entries, LOOKED_AT) if each.name.startswith(tail)]
    except (OSError, ValueError):
        return []
    if not tail.startswith("."):
        found = [each for each in found if not each.name.startswith(".")]
    return sorted(f"{spelled}{each.name}{'/' if _is_folder(each) else ''}" for each in found)[:most]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
