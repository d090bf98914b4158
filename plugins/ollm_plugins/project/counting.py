"""Of what kind are the files of a folder? A look at some of them, never at all."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path

from ollm_plugins.project.folders import is_made


def suffixes(folder: Path, depth: int, most: int) -> Mapping[str, int]:
    """Count the files of a folder by suffix; remembered until the folder changes.

    :param depth: how many levels of folders below it are looked at
    :param most: entries that are read, at most
    """
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return {}
    return _counted(folder, depth, most, changed)


@lru_cache(maxsize=64)
def _counted(folder: Path, depth: int, most: int, changed: int) -> Mapping[str, int]:  # noqa: ARG001  (part of the key)
    found: Counter[str] = Counter()
    waiting = deque([(folder, 0)])
    while waiting and most > 0:
        here, level = waiting.popleft()
        for entry in entries(here, most):
            most -= 1
            if entry.is_dir(follow_symlinks=False):
                if level < depth and not is_made(entry.name):
                    waiting.append((here / entry.name, level + 1))
            elif not entry.name.startswith("."):
                found[entry.name.rpartition(".")[2]] += 1
    counts: Counter[str] = Counter()
    for ending, count in found.items():
        counts[f".{ending.lower()}"] += count
    return counts


def entries(folder: Path, most: int) -> Iterator[os.DirEntry[str]]:
    """Yield so many entries of a folder at most; none of one that cannot be read."""
    try:
        with os.scandir(folder) as found:
            yield from islice(found, most)
    except OSError:
        return
