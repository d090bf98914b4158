"""What is the difference between two texts, as a unified diff?

What is alike at the beginning and the end is cut off first: `difflib` takes time that grows with the square of what it
compares, and most changes are small. Where too much is left, it is shown as replaced as a whole.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Final

from ollm.api import hidden

AROUND: Final = 3
"""Lines shown around a change."""
MOST: Final = 2_000
"""Lines to be compared, of both texts together; see `benchmarks/files.py` for what they cost."""


def unified(before: str | None, after: str | None, name: str) -> str:
    """Return what stands in a diff between two texts; None for a file that is not there. Empty if nothing differs."""
    old, new = _lines(before or ""), _lines(after or "")
    hunks = list(_hunks(old, new))
    if not hunks and (before is None) == (after is None):
        return ""
    head = [f"--- {'/dev/null' if before is None else name}", f"+++ {'/dev/null' if after is None else name}"]
    return "\n".join((*head, *hunks))


def changed_lines(diff: str) -> list[str]:
    """Return the lines of a diff that are added or removed, without where they stand."""
    return [each for each in diff.split("\n")[2:] if each.startswith(("+", "-"))]


def hides(diff: str) -> bool:
    """Say whether a diff adds what nobody would see: a name in it may be another one than it seems to be."""
    return any(each.startswith("+") and hidden(each) for each in changed_lines(diff))


def _lines(text: str) -> list[str]:
    """Return lines; the last one says if no line end follows it."""
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, f"{last}\n\\ No newline at end of file"] if last else lines


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many lines are the same from the first on."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(old), len(new)))


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    if head == len(old) == len(new):
        return
    start = max(0, head - AROUND)
    ends = len(old) - max(0, tail - AROUND), len(new) - max(0, tail - AROUND)
    left, right = old[start : ends[0]], new[start : ends[1]]
    if len(left) + len(right) > MOST and left and right:
        yield from _replaced(left, right, start, min(AROUND, head), min(AROUND, tail))
        return
    for group in difflib.SequenceMatcher(None, left, right).get_grouped_opcodes(AROUND):
        yield _title(group[0][1] + start, group[-1][2] + start, group[0][3] + start, group[-1][4] + start)
        for kind, i1, i2, j1, j2 in group:
            if kind == "equal":
                yield from (f" {each}" for each in left[i1:i2])
                continue
            yield from (f"-{each}" for each in left[i1:i2])
            yield from (f"+{each}" for each in right[j1:j2])


def _replaced(left: Sequence[str], right: Sequence[str], start: int, above: int, below: int) -> Iterator[str]:
    """Yield one hunk, in which all lines between those that are alike are removed, and the others added."""
    yield _title(start, start + len(left), start, start + len(right))
    yield from (f" {each}" for each in left[:above])
    yield from (f"-{each}" for each in left[above : len(left) - below])
    yield from (f"+{each}" for each in right[above : len(right) - below])
    yield from (f" {each}" for each in left[len(left) - below :])


def _title(i1: int, i2: int, j1: int, j2: int) -> str:
    return f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@"


def _range(start: int, end: int) -> str:
    """Return a range of lines in the form that `diff -u` has."""
    length = end - start
    first = start + 1 if length else start
    return f"{first}" if length == 1 else f"{first},{length}"
