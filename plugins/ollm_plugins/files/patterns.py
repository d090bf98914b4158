"""Which names does a glob pattern mean?

A pattern without a slash means a name in any folder, as for git and ripgrep; one with slashes a way from where the
search begins, in which `**` stands for any number of folders. `{a,b}` means either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from itertools import product
from typing import Final

MOST: Final = 64
"""Patterns that one with braces may stand for."""

_BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")

Match = Callable[[Sequence[str]], bool]


def matcher(pattern: str) -> Match:
    """Return what says whether a way is meant.

    :raises ValueError: it stands for too many patterns, or is empty
    """
    ways = [_segments(each) for each in _spread(pattern.strip().removeprefix("./"))]
    return lambda parts: any(_fits(segments, tuple(parts)) for segments in ways)


def lists_folders(pattern: str) -> bool:
    """Say whether a pattern means what is in one folder, so that folders in it are of interest, too."""
    return "/" in pattern.strip().removeprefix("./") and "**" not in pattern


def _spread(pattern: str) -> list[str]:
    pieces = _BRACES.split(pattern)
    choices = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    count = 1
    for each in choices:
        count *= len(each)
    if count > MOST or not pattern:
        raise ValueError(f"it stands for {count} patterns, {MOST} are allowed" if pattern else "it is empty")
    return ["".join(each) for each in product(*choices)]


def _segments(pattern: str) -> tuple[re.Pattern[str] | None, ...]:
    """Return what each part of a way must be like; None for any number of parts."""
    parts = [each for each in pattern.split("/") if each] if "/" in pattern else ["**", pattern]
    if parts and parts[-1] == "**":
        parts.append("*")
    return tuple(None if each == "**" else re.compile(translate(each)) for each in parts)


def _fits(segments: tuple[re.Pattern[str] | None, ...], parts: tuple[str, ...]) -> bool:
    """Say whether a way fits: `reached` are the segments that may come next."""
    reached = _closure({0}, segments)
    for part in parts:
        moved = {at for at in reached if at < len(segments) and segments[at] is None}
        moved |= {at + 1 for at in reached if at < len(segments) and (each := segments[at]) and each.match(part)}
        reached = _closure(moved, segments)
    return len(segments) in reached


def _closure(reached: set[int], segments: tuple[re.Pattern[str] | None, ...]) -> set[int]:
    """Add what can be reached by passing over segments that stand for no folder."""
    for at in range(len(segments)):
        if at in reached and segments[at] is None:
            reached.add(at + 1)
    return reached
