"""Which pieces does a text consist of, as the tokenizers of language models see it?

All of them cut a text before they look into their vocabulary: words with the space or sign before them, numbers,
runs of signs, of spaces, of line ends. What a piece costs then depends on its kind and its length, and on whether it is
a word that every vocabulary knows. So a text becomes a few dozen counts, and a tokenizer a weight for each of them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

_MOST_PIECES: Final = 50_000
"""How many different pieces are remembered; some 8 MB."""

# The end of each range of lengths; longer words pay for each further letter.
_RANGES: Final = {
    "sp_low": (3, 5, 7, 9),
    "pu_low": (1, 3, 5, 7),
    "low": (1, 3, 5, 7),
    "sp_cap": (3, 6),
    "cap": (3, 6),
    "sp_up": (2,),
    "up": (2,),
}
_SCRIPTS: Final = (
    (0x250, "latin"),
    (0x370, "other2"),
    (0x530, "cyr"),
    (0x800, "other2"),
    (0x1E00, "other3"),
    (0x1F00, "latin"),
    (0x2010, "other3"),
    (0x2030, "sym"),
    (0x2E80, "box"),
    (0x3000, "other3"),
    (0x3040, "sym"),
    (0x3100, "kana"),
    (0x3400, "other3"),
    (0xA000, "han"),
    (0xAC00, "other3"),
    (0xD7B0, "hangul"),
    (0xFF00, "other3"),
    (0xFFF0, "sym"),
    (0x10000, "other3"),
)
"""What characters up to a code point are counted as; those beyond are mostly emoji."""

_SIMPLE: Final = (
    *("known", "pu_known", "bare_known", "knowncap", "pu_cap"),
    *("digruns", "digits", "dig3", "sp_dig"),
    *("nlrun", "nlextra", "ind", "indspaces", "tabrun", "tabs"),
    *("punct1", "sp_punct1", "punct2", "punctmore", "punctrepeat", "punctnl", "spaces"),
    *("latin", "cyr", "other2", "han", "kana", "hangul", "sym", "box", "emoji", "other3", "ctl"),
)


def _names() -> Iterator[str]:
    for kind, ends in _RANGES.items():
        yield from (f"{kind}<={end}" for end in ends)
        yield from (f"{kind}+", f"{kind}len")
    yield from _SIMPLE


NAMES: Final = tuple(_names())
"""What is counted, in order.

`low`, `cap`, `up` are words of small letters, with one capital, or of capitals; `sp_` stands for a space before, `pu_`
for a sign before; `len` for letters beyond the last range.
"""

_AT: Final = {name: number for number, name in enumerate(NAMES)}

_KNOWN: Final = {"sp_": "known", "pu_": "pu_known", "": "bare_known"}

Named = tuple[tuple[str, int], ...]
"""What is counted of a piece, and how often."""

Cost = tuple[tuple[int, int], ...]
"""The same by number, in `NAMES`."""


def count(text: str) -> list[int]:
    """Count the pieces of a text, as `NAMES` lists them; 100 kB take some 10 ms."""
    costs = _costs()
    if len(costs) > _MOST_PIECES:
        costs.clear()
    counted = [0] * len(NAMES)
    for number, times in Counter(map(costs.__getitem__, _pattern().findall(text))).items():
        for name, amount in costs.known[number]:
            counted[name] += amount * times
    return counted


class _Costs(dict[str, int]):
    """The number of each piece's cost; few costs are different, and small integers are counted fast."""

    def __init__(self) -> None:
        self.known: list[Cost] = []
        self._numbers: dict[Cost, int] = {}

    def __missing__(self, piece: str) -> int:
        cost = _cost(piece)
        number = self._numbers.setdefault(cost, len(self.known))
        if number == len(self.known):
            self.known.append(cost)
        self[piece] = number
        return number


@cache
def _costs() -> _Costs:
    return _Costs()


@cache
def _pattern() -> re.Pattern[str]:
    sign = r"!-/:-@\[-`{-~"
    pieces = (
        rf"[ \t{sign}]?[A-Z]?[a-z]+",
        rf"[ \t{sign}]?[A-Z]+(?![a-z])",
        r" ?[0-9]+",
        r"[\r\n]+",
        r" {2,}",
        rf" ?[{sign}]+[\r\n]*",
        r" |\t+",
        r"[^\x00-\x7f]+",
        r".",
    )
    return re.compile("|".join(pieces), re.DOTALL)


@cache
def _words() -> frozenset[str]:
    """Return words of four letters and more that are one token in each of seven vocabularies; see README.md."""
    return frozenset(Path(__file__).with_name("words.txt").read_text(encoding="ascii").split())


def _cost(piece: str) -> Cost:
    if piece[0] > "\x7f":
        return tuple((_AT[script], times) for script, times in Counter(map(_script, piece)).items())
    named = _word(piece) if piece[-1].isalpha() else _other(piece)
    return tuple((_AT[name], amount) for name, amount in named if amount)


def _script(character: str) -> str:
    at = bisect_left(_SCRIPTS, (ord(character) + 1,))
    return _SCRIPTS[at][1] if at < len(_SCRIPTS) else "emoji"


def _word(piece: str) -> Named:
    first = piece[0]
    before = "sp_" if first in " \t" else "" if first.isalpha() else "pu_"
    word = piece[1:] if before else piece
    small = word.islower()
    if word in _words():
        if small:
            return ((_KNOWN[before], 1),)
        return (("knowncap", 1), ("pu_cap", before == "pu_"))
    if small:
        return _length(before + "low", len(word))
    kind = "up" if word.isupper() else "cap"
    if before == "pu_":
        return (*_length(kind, len(word)), ("pu_cap", 1))
    return _length(before + kind, len(word))


def _length(kind: str, length: int) -> Named:
    ends = _RANGES[kind]
    at = bisect_left(ends, length)
    if at < len(ends):
        return ((f"{kind}<={ends[at]}", 1),)
    return ((f"{kind}+", 1), (f"{kind}len", length - ends[-1]))


def _other(piece: str) -> Named:
    first, length = piece[0], len(piece)
    if piece[-1].isdigit():
        digits = piece.lstrip(" ")
        return (("digruns", 1), ("digits", len(digits)), ("dig3", -(-len(digits) // 3)), ("sp_dig", first == " "))
    if first in "\r\n":
        return (("nlrun", 1), ("nlextra", length - 1))
    if piece.isspace() and first == " ":
        return (("ind", 1), ("indspaces", length)) if length > 1 else (("spaces", 1),)
    if first == "\t":
        return (("tabrun", 1), ("tabs", length))
    return tuple(_signs(piece)) if first.isprintable() else (("ctl", 1),)


def _signs(piece: str) -> Iterator[tuple[str, int]]:
    signs = piece.strip(" \r\n")
    line_ends = len(piece.lstrip(" ")) - len(signs)
    if line_ends:
        yield from (("punctnl", 1), ("nlextra", line_ends - 1))
    if len(signs) == 1:
        yield ("sp_punct1" if piece[0] == " " else "punct1", 1)
        return
    repeated = sum(one == next_one for one, next_one in pairwise(signs))
    yield from (("punct2", 1), ("punctmore", len(signs) - 1 - repeated), ("punctrepeat", repeated))
