"""Which entries fit a query, and which have to do with a prompt?

Both compare words. A query's words may be misspelt, or only begun; a prompt's words count the more, the rarer they are.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from ollm.api import MemoryEntry

_SEPARATORS: Final = str.maketrans(dict.fromkeys("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", " "))
_WORD: Final = re.compile(r"\w+")

ALIKE: Final = 0.75
"""The least ratio (difflib) of two words that may be the same one, misspelt: "edtior" and "editor" have 0.83."""

SHORTEST: Final = 4
"""Letters that a word needs so that a slip in it can be told from another word."""

SLIPS: Final = 2
"""Letters by which a misspelt word may be longer or shorter."""

MOST_WORDS: Final = 60
"""Words of a prompt that are looked at, the longest first."""

_EVERYDAY: Final = (
    "the|and|for|are|was|not|you|your|with|that|this|what|when|how|who|why|can|does|have|has|will|would|should|could|"
    "from|into|about|there|their|them|then|than|please|which|write|make|give|tell|show|want|need|like|some|any|all|"
    "der|die|das|und|ist|ein|eine|mit|für|von|auf|wie|was|wer|ich|mir|mein|nicht|bitte"
)
"""Words that say nothing of what a prompt is about."""


class Index:
    """The words of entries, in one text, since looking for a word in that is quickest."""

    def __init__(self, entries: Sequence[MemoryEntry]) -> None:
        self.entries = entries
        lines = [f" {each.key} \t {_on_one_line(each.value)} " for each in entries]
        self._lines = _plain("\n".join(lines)).split("\n") if lines else []
        self._text = "\n".join(self._lines)
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)]

    def search(self, query: str) -> list[MemoryEntry]:
        """Return the entries that fit a query, the best first: those with its words in the key, then in the value."""
        plain = _plain(_on_one_line(query))
        scores: Counter[int] = Counter()
        for word in dict.fromkeys(_WORD.findall(plain)):
            scores.update(self._scored(word))
        for number in self._having(f" {plain.strip()} \t"):
            scores[number] += 8
        found = sorted(scores, key=lambda number: (-scores[number], -self.entries[number].access_count, number))
        return [self.entries[number] for number in found]

    def relevance(self, prompt: str) -> list[float]:
        """Return for each entry how much it has to do with a prompt; 0 for nothing."""
        scores = [0.0] * len(self.entries)
        for word in _telling(prompt):
            begun = f" {word}"
            having = self._having(begun)
            weight = math.log(1 + len(scores) / len(having)) if having else 0.0
            for number in having:
                scores[number] += weight * (2 if begun in self._lines[number].partition("\t")[0] else 1)
        return scores

    def _having(self, text: str) -> list[int]:
        """Return the numbers of the entries in which something stands."""
        found = []
        place = self._text.find(text)
        while place >= 0:
            number = bisect_right(self._starts, place) - 1
            found.append(number)
            place = self._text.find(text, self._starts[number + 1] - 1)
        return found

    def _scored(self, word: str) -> dict[int, int]:
        """Score the entries that have a word: in the key doubly, as a whole better than begun, or else misspelt."""
        found = {number: _score(self._lines[number], word) for number in self._having(word)}
        if found or len(word) < SHORTEST:
            return found
        return {number: 1 for near in self._misspelt(word) for number in self._having(f" {near} ")}

    def _misspelt(self, word: str) -> list[str]:
        """Return words that a misspelt one may mean; whatever one slip does, the beginning or the end is as it was."""
        from difflib import get_close_matches

        same = len(word) // 2 - 1
        likely = {*self._words_with(f" {word[:same]}"), *self._words_with(f"{word[-same:]} ")}
        sized = sorted(each for each in likely if abs(len(each) - len(word)) <= SLIPS)
        return get_close_matches(word, sized, n=8, cutoff=ALIKE)

    def _words_with(self, part: str) -> Iterator[str]:
        """Yield the words that begin with something that stands after a space, or end with it before one."""
        place = self._text.find(part)
        while place >= 0:
            end = self._text.find(" ", place + 1)
            yield self._text[self._text.rfind(" ", 0, place + 1) + 1 : end]
            place = self._text.find(part, end)


def _score(line: str, word: str) -> int:
    """Say how well a word fits an entry that has it."""
    key, _, value = line.partition("\t")
    whole, begun = f" {word} ", f" {word}"
    if word in key:
        return 12 if whole in key else 10 if begun in key else 8
    return 6 if whole in value else 4 if begun in value else 3


def _on_one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")


def _plain(text: str) -> str:
    """Return text without capitals and punctuation; tabs and line feeds stay."""
    return text.casefold().translate(_SEPARATORS)


def _telling(prompt: str) -> list[str]:
    """Return the words of a prompt that say what it is about, without the s of a plural."""
    everyday = frozenset(_EVERYDAY.split("|"))
    words = set(_WORD.findall(_plain(prompt))) - everyday
    longest = sorted((each for each in words if len(each) > 2), key=lambda each: (-len(each), each))  # noqa: PLR2004
    return sorted({each.removesuffix("s") if len(each) > SHORTEST else each for each in longest[:MOST_WORDS]})
