"""Is a path covered by a pattern?

`*` stays within one name and `**` spans any number of folders. Python's own (`PurePath.full_match`) comes with 3.13,
and the patterns of .gitignore, as pathspec reads them, reach too far for a permission: `src` there means any folder of
that name, and `src/*` everything below.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import has_magic
from pathlib import Path


def covered(path: str, pattern: str, folder: Path, *, any_case: bool) -> bool:
    """Whether a pattern covers a path. One whose last name has no wildcard covers what is below it, too.

    :param path: absolute; links in it are followed
    :param pattern: absolute, below `~`, relative to the folder, or from `**/` on anywhere
    :param any_case: whether upper and lower case are the same
    """
    wanted = _parts(_absolute(pattern, folder))
    if not has_magic(wanted[-1]):
        wanted = (*wanted, "**")
    parts = _parts(os.path.realpath(path))
    if any_case:
        parts, wanted = tuple(map(str.casefold, parts)), tuple(map(str.casefold, wanted))
    return _fits(parts, wanted)


def is_exactly(path: str, pattern: str, folder: Path) -> bool:
    """Whether a pattern is the path itself, without wildcards."""
    return not has_magic(pattern) and os.path.realpath(path) == _absolute(pattern, folder)


def is_below(path: str, folder: Path) -> bool:
    """Whether a path is a folder or lies in it, links followed."""
    real, root = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return real == root or root in real.parents


def _absolute(pattern: str, folder: Path) -> str:
    """Return a pattern from the root on; the links in the part before its first wildcard are followed."""
    spread = Path(pattern).expanduser()
    if spread.parts[:1] == ("**",):
        return str(spread)
    parts = (folder / spread).parts
    plain = next((at for at, part in enumerate(parts) if has_magic(part)), len(parts))
    return str(Path(os.path.realpath(Path(*parts[:plain])), *parts[plain:]))


def _parts(path: str) -> tuple[str, ...]:
    return Path(path).parts


@lru_cache(maxsize=4096)
def _fits(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return _fits(parts, wanted[1:]) or (bool(parts) and _fits(parts[1:], wanted))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])
