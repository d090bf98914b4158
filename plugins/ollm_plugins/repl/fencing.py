"""How is a text put into a block of Markdown that nothing in it can end, and how is its length told?"""

from __future__ import annotations

import re


def fenced(text: str, language: str = "") -> str:
    """Return a text between two fences that are longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}"


def counted(text: str) -> str:
    """Say how many lines a text has."""
    lines = len(text.splitlines())
    return f"{lines:,} {'line' if lines == 1 else 'lines'}"
