"""Which folders can be the project's, and which hold only what tools have made?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

REPOSITORY: Final = (".git", ".hg", ".jj", ".svn")
"""Each of them stands in the root of a repository; `.git` may be a file there."""

MADE: Final = frozenset(
    {"node_modules", "bower_components", "venv", "env", "target", "dist", "build", "out", "vendor", "site-packages"}
    | {"__pycache__", "__pypackages__", "coverage", "htmlcov", "DerivedData"}
)
"""Folders that package managers and compilers fill; those whose name begins with a dot are left out, too."""

DEEPEST: Final = 64
"""Folders that are looked at above the working folder, at most."""


def is_made(name: str) -> bool:
    """Whether a folder of that name holds nothing that people write."""
    return name.startswith(".") or name in MADE


def shown(path: Path) -> str:
    """Return a path on one line, whatever names strangers have given to folders."""
    return str(path).replace("\n", "\u240a").replace("\r", "\u240d")


def above(folder: Path) -> tuple[tuple[Path, ...], Path | None]:
    """Return the folder and those above it up to the repository's root, and that root.

    Outside of a repository it is that folder alone: nothing says where the project ends, and in a folder such as /tmp
    others may have put files. Who stands in `node_modules` or the like stands in the project that it belongs to.
    """
    found: list[Path] = []
    for each in (folder, *folder.parents)[:DEEPEST]:
        found.append(each)
        if any(os.path.lexists(each / name) for name in REPOSITORY):
            return _without_made(found), each
    return (folder,), None


def _without_made(folders: list[Path]) -> tuple[Path, ...]:
    last = max((number for number, each in enumerate(folders[:-1]) if is_made(each.name)), default=-1)
    return tuple(folders[last + 1 :])
