"""Which characters cannot be seen?

Text with such characters in it is not what it seems: a command may hold more than its reader approves of, and a page or
a memory may tell a model what no human being reads there.
"""

from __future__ import annotations

import unicodedata

_SINGLE = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
_SELECTORS = (*range(0x180B, 0x180E), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
_BLANK = frozenset(map(chr, (*_SINGLE, *_SELECTORS)))
"""Fillers, variation selectors and the like, whose category does not say that they have no form of their own."""

_MEANT = frozenset("\u200c\u200d\ufe0f")
"""Unseen, and meant: joiners of scripts and of emoji, and the selector of emoji."""


def is_unseen(character: str) -> bool:
    """Whether a character has no form of its own, or that of a space without being one.

    Control characters are not among them: what writes to the terminal makes those visible, see `visible`.

    :param character: a single one
    """
    kind = unicodedata.category(character)
    return kind == "Cf" or (kind[0] == "Z" and character != " ") or character in _BLANK


def hidden(text: str) -> set[str]:
    """Return the characters of a text that nobody sees and nobody needs. Spaces are none, nor what emoji are made of."""
    return set() if text.isascii() else {each for each in set(text) - _MEANT if is_unseen(each) and not each.isspace()}


def revealed(text: str) -> str:
    """Return a text in which its hidden characters stand as escapes, with their code in braces."""
    return text.translate({ord(each): f"\\u{{{ord(each):x}}}" for each in hidden(text)})
