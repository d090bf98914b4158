"""Is a path covered by a pattern?

`*` stays within one name and `**` spans any number of folders. Python's own (`PurePath.full_match`) comes with 3.13,
and the patterns of .gitignore, as pathspec reads them, reach too far for a permission: `src` there means any folder of
that name, and `src/*` everything below.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import has_magic
from pathlib import Path
from typing import Final

MOST: Final = 5000
"""Files and folders that are looked at before a folder counts as one that may hold anything: about 0.2 s on two cores."""


def covered(path: str, pattern: str, folder: Path, *, any_case: bool) -> bool:
    """Whether a pattern covers a path. One whose last name has no wildcard covers what is below it, too.

    :param path: absolute; links in it are followed
    :param pattern: absolute, below `~`, relative to the folder, or from `**/` on anywhere
    :param any_case: whether upper and lower case are the same
    """
    parts, wanted = _parts(os.path.realpath(path)), _wanted(pattern, folder)
    if any_case:
        parts, wanted = _in_lower_case(parts), _in_lower_case(wanted)
    return _fits(parts, wanted)


def holds_covered(path: str, pattern: str, folder: Path) -> bool:
    """Whether a folder holds something that a pattern covers, or so much that it cannot be told; case is ignored."""
    root = os.path.realpath(path)
    wanted = _in_lower_case(_wanted(pattern, folder))
    for number, parts in enumerate(_below(root, _parts(root))):
        if number == MOST or _fits(_in_lower_case(parts), wanted):
            return True
    return False


def _below(root: str, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the names that lead to all that is below a folder; a link is followed, but what it leads to not walked."""
    todo = [(root, above)]
    while todo:
        at, parts = todo.pop()
        with contextlib.suppress(OSError), os.scandir(at) as entries:  # what cannot be listed cannot be searched
            for entry in entries:
                if entry.is_symlink():
                    yield _parts(os.path.realpath(entry.path))
                    continue
                yield (*parts, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    todo.append((entry.path, (*parts, entry.name)))


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


def _wanted(pattern: str, folder: Path) -> tuple[str, ...]:
    """Return the names that a covered path has, one after the other."""
    wanted = _parts(_absolute(pattern, folder))
    return wanted if has_magic(wanted[-1]) else (*wanted, "**")


def _in_lower_case(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(str.casefold, parts))


def _parts(path: str) -> tuple[str, ...]:
    return Path(path).parts


@lru_cache(maxsize=4096)
def _fits(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return _fits(parts, wanted[1:]) or (bool(parts) and _fits(parts[1:], wanted))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])
