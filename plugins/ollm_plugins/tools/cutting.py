"""How is a long text cut in its middle?"""

from __future__ import annotations

from typing import Final

HEAD: Final = 2 / 3
"""Part of what is kept that comes from the beginning."""


def cut(text: str, characters: int, where: str) -> str:
    """Keep the beginning and the end of a text, with a line between them about what is missing.

    Lines stay whole unless one alone is longer than half of what may be kept.

    :param characters: how many may be left, that line included
    :param where: what is said of the whole
    """
    lines = text.count("\n") + 1
    kept = max(0, characters - len(_said(text, lines, where)) - 2)
    head, tail = int(kept * HEAD), kept - int(kept * HEAD)
    first = _to_line_end(text[:head])
    last = _from_line_start(text[len(text) - tail :] if tail else "")
    missing = text[len(first) : len(text) - len(last)]
    parts = (first.rstrip("\n"), _said(missing, lines, where), last)
    return "\n".join(part for part in parts if part)


def _said(missing: str, lines: int, where: str) -> str:
    whole = missing.count("\n") + (not missing.endswith("\n"))
    left_out = f"{whole:,} of {lines:,} lines, {len(missing):,} characters"
    return f"[… left out here: {left_out}; {where} …]"


def _to_line_end(text: str) -> str:
    end = text.rfind("\n") + 1
    return text[:end] if end > len(text) // 2 else text


def _from_line_start(text: str) -> str:
    start = text.find("\n") + 1
    return text[start:] if 0 < start < len(text) // 2 else text
