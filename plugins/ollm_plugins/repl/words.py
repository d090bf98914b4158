"""Which words does a line have, and which one is being typed?

Quotes and backslashes work as in a shell, but for one thing: an apostrophe between two letters, as in don't, opens no
quote. Nobody who writes to a model means one.
"""

from __future__ import annotations

from msgspec import Struct


class Typed(Struct, frozen=True):
    """A line up to the cursor.

    :param before: the words before the one that is being typed, without their quotes
    :param word: that one, as far as it is typed, without quotes
    :param raw: how it stands in the line, with quotes
    """

    before: tuple[str, ...]
    word: str
    raw: str


def typed(text: str) -> Typed:
    """Take a line apart; a quote that is still open is no mistake here."""
    return _apart(text)[0]


def words(text: str) -> tuple[str, ...]:
    """Return the words of a line.

    :raises ValueError: a quote is never closed, or nothing follows a backslash
    """
    now, is_open = _apart(text)
    if is_open:
        raise ValueError(now.raw)
    return (*now.before, now.word) if now.raw else now.before


def _apart(text: str) -> tuple[Typed, bool]:
    """Take a line apart; say whether a quote or a backslash at its end waits for more."""
    found: list[str] = []
    word, start, quote, begun, escaped = "", 0, "", False, False
    for index, letter in enumerate(text):
        if escaped:
            kept = "\\" if quote and letter not in '"\\' else ""
            word, escaped = word + kept + letter, False
        elif letter == "\\" and quote != "'":
            escaped, begun = True, True
        elif quote:
            quote, word = ("", word) if letter == quote else (quote, word + letter)
        elif letter in "'\"" and not _is_apostrophe(text, index):
            quote, begun = letter, True
        elif letter.isspace():
            if begun:
                found.append(word)
            word, begun, start = "", False, index + 1
        else:
            word, begun = word + letter, True
    return Typed(tuple(found), word, text[start:]), bool(quote) or escaped


def _is_apostrophe(text: str, at: int) -> bool:
    return text[at] == "'" and 0 < at < len(text) - 1 and text[at - 1].isalpha() and text[at + 1].isalpha()
