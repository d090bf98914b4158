"""Which word is being typed, and which stand before it?"""

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
    """Take a line apart as a shell does; a quote that is still open is no mistake here."""
    words: list[str] = []
    word, start, quote, begun, escaped = "", 0, "", False, False
    for index, letter in enumerate(text):
        if escaped:
            word, escaped = word + letter, False
        elif letter == "\\" and quote != "'":
            escaped, begun = True, True
        elif quote:
            quote, word = ("", word) if letter == quote else (quote, word + letter)
        elif letter in "'\"":
            quote, begun = letter, True
        elif letter.isspace():
            if begun:
                words.append(word)
            word, begun, start = "", False, index + 1
        else:
            word, begun = word + letter, True
    return Typed(tuple(words), word, text[start:])
