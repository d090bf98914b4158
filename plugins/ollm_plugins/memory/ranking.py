"""Which entries fit a query, and which have to do with a prompt?

Both compare words. A query's words may be misspelt, or only begun; a prompt's words count the more, the rarer they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from ollm.api import MemoryEntry

_SEPARATORS: Final = str.maketrans(dict.fromkeys("\n\t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", " "))
_WORD: Final = re.compile(r"\w+")

ALIKE: Final = 0.75
"""The least ratio (difflib) of two words that may be the same one, misspelt: "edtior" and "editor" have 0.83."""

SHORTEST: Final = 4
"""Letters that a word needs so that a slip in it can be told from another word."""

MOST_WORDS: Final = 60
"""Words of a prompt that are looked at, the longest first."""

_EVERYDAY: Final = re.compile(
    "the|and|for|are|was|not|you|your|with|that|this|what|when|how|who|why|can|does|have|has|will|would|should|could|"
    "from|into|about|there|their|them|then|than|please|which|write|make|give|tell|show|want|need|like|some|any|all|"
    "der|die|das|und|ist|ein|eine|mit|für|von|auf|wie|was|wer|ich|mir|mein|nicht|bitte"
)
"""Words that say nothing of what a prompt is about."""


class Index:
    """The words of entries."""

    def __init__(self, entries: Sequence[MemoryEntry]) -> None:
        self.entries = entries
        self._keys = [_plain(each.key) for each in entries]
        self._texts = [f"{key}{_plain(each.value).lstrip()}" for key, each in zip(self._keys, entries, strict=True)]
        self._vocabulary: set[str] | None = None

    def search(self, query: str) -> list[MemoryEntry]:
        """Return the entries that fit a query, the best first: those with its words in the key, then in the value."""
        words = _WORD.findall(query.casefold().translate(_SEPARATORS))
        scores = [0.0] * len(self.entries)
        for word in words:
            for number, score in self._scored(word):
                scores[number] += score
        whole = _plain(query)
        for number, key in enumerate(self._keys):
            scores[number] += 8.0 if key == whole else 0.0
        found = [number for number, score in enumerate(scores) if score > 0]
        found.sort(key=lambda number: (-scores[number], -self.entries[number].access_count, number))
        return [self.entries[number] for number in found]

    def _scored(self, word: str) -> list[tuple[int, float]]:
        """Score the entries that have a word: in the key doubly, as a whole better than begun, or else misspelt."""
        found = [(number, self._score(number, word)) for number, text in enumerate(self._texts) if word in text]
        if found or len(word) < SHORTEST:
            return found
        near = self._misspelt(word)
        marked = [f" {each} " for each in near]
        texts = enumerate(self._texts)
        return [(number, 1.0) for number, text in texts if any(each in text for each in marked)]

    def _score(self, number: int, word: str) -> float:
        whole, begun, key, text = f" {word} ", f" {word}", self._keys[number], self._texts[number]
        if word in key:
            return 6.0 if whole in key else 5.0 if begun in key else 4.0
        return 3.0 if whole in text else 2.0 if begun in text else 1.5

    def _misspelt(self, word: str) -> list[str]:
        """Return words that a misspelt one may mean."""
        if self._vocabulary is None:
            self._vocabulary = set()
            for text in self._texts:
                self._vocabulary.update(text.split())
        letters, size = set(word), len(word)
        likely = [
            each
            for each in self._vocabulary
            if abs(len(each) - size) <= 2 and len(letters.symmetric_difference(each)) <= 3  # noqa: PLR2004  (two slips change no more)
        ]
        return get_close_matches(word, sorted(likely), n=8, cutoff=ALIKE)

    def relevance(self, prompt: str) -> list[float]:
        """Return for each entry how much it has to do with a prompt; 0 for nothing."""
        scores = [0.0] * len(self.entries)
        for word in _telling(prompt):
            begun = f" {word}"
            having = [number for number, text in enumerate(self._texts) if begun in text]
            weight = math.log(1 + len(self._texts) / len(having)) if having else 0.0
            for number in having:
                scores[number] += weight * (2 if begun in self._keys[number] else 1)
        return scores


def _plain(text: str) -> str:
    """Return a text's words in one form, with one space around each that stands between separators."""
    return f" {text.casefold().translate(_SEPARATORS)} "


def _telling(prompt: str) -> list[str]:
    """Return the words of a prompt that say what it is about, without the s of a plural."""
    words = {each for each in _WORD.findall(prompt.casefold().translate(_SEPARATORS)) if not _EVERYDAY.fullmatch(each)}
    longest = sorted((each for each in words if len(each) > 2), key=lambda each: (-len(each), each))  # noqa: PLR2004
    return sorted({each.removesuffix("s") if len(each) > SHORTEST else each for each in longest[:MOST_WORDS]})
