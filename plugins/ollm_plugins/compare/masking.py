"""How are the names of models hidden in a text, while nobody is to know who wrote it?

A name that is no word of a language ("llama3.2:3b", "qwen2.5-coder") is hidden wherever it stands, in the spellings that
models use of it ("Llama 3.2"). One of letters alone ("solar", "falcon") may be a word: it is hidden where it stands as a
name, and else left, since an answer that is changed cannot be judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

HIDDEN: Final = "[name hidden]"
_BEFORE: Final = 24
"""Characters before a word that say whether it is a name."""
_MORE: Final = 40
"""Characters by which a name may be longer in a text: a version that is set off, what hangs on it."""
_INTRODUCED: Final = re.compile(r"(?i)(?:\bam|['\u2019]m|\bname is|\bcalled|\bmodel)[\s\"'*_`]*\Z")
_SENTENCE: Final = re.compile(r"(?:\A|[.!?:\n])[\s\"'*_`#>(-]*\Z")
_ALONE: Final = re.compile(r"[\"'*_`]*(?:[.!?,;:)]|\s*\Z)")
_VERSION: Final = re.compile(r"([a-z]{3,})[\s_.-]?\d+(?:\.\d+)*", re.IGNORECASE)


class Mask:
    """Hides the names of some models; of none, it changes nothing.

    :param models: their names as providers have them
    """

    def __init__(self, models: Iterable[str] = ()) -> None:
        anywhere: set[str] = set()
        words: set[str] = set()
        exact: set[str] = set()
        for model in filter(None, models):
            base, _, tag = model.rpartition("/")[2].partition(":")
            exact |= {model, model.removesuffix(":latest")}
            anywhere |= {re.escape(f"{base}:{tag}")} if tag else set()
            anywhere |= set() if model.isalpha() else {re.escape(model)}
            anywhere |= set(_spellings(base))
            words |= {base} if base.isalpha() else set()
        self._anywhere = _any_of(anywhere)
        self._either = _any_of(anywhere | set(map(re.escape, words)))
        self._of_ours = _any_of(anywhere | {f"(?-i:{re.escape(name)})" for name in exact})
        self.longest = max(map(len, exact)) + _MORE if exact else 0

    def line(self, text: str) -> str:
        """Hide the names in a line of ours, such as a failure."""
        return self._of_ours.sub(HIDDEN, text) if self._of_ours else text

    def answer(self, text: str) -> str:
        """Hide the names in what a model wrote."""
        return "".join(self.shown(text, 0, len(text)))

    def shown(self, text: str, start: int, end: int) -> Iterator[str]:
        """Yield a part of a text with the names hidden; a name that begins in it belongs to it."""
        for begin, stop in self.places(text, start, end):
            yield text[start:begin]
            yield HIDDEN
            start = stop
        yield text[start:end]

    def places(self, text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where the names are that begin in a part of a text."""
        if self._either is None:
            return
        for found in self._either.finditer(text, start):
            if found.start() >= end:
                return
            is_no_word = self._anywhere is not None and self._anywhere.fullmatch(text, *found.span())
            if is_no_word or _is_name(text, *found.span()):
                yield found.span()


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds any of some words; what hangs on one, as in "llama3-instruct", belongs to it."""
    given = sorted(patterns, key=lambda each: (-len(each), each))
    if not given:
        return None
    return re.compile(
        rf"(?i)(?<![a-z0-9])(?:{'|'.join(given)})(?![a-z0-9])(?:[-:/][a-z0-9][a-z0-9.:-]{{0,24}}(?<![.:-]))?"
    )


def _spellings(base: str) -> Iterator[str]:
    """Yield what finds a name that is no word: as it is written, and with its version set off."""
    if base and not base.isalpha():
        yield re.escape(base)
    version = _VERSION.match(base)
    if version:
        yield rf"{re.escape(version[1])}[\s_.-]?\d{{1,3}}(?:\.\d{{1,3}}){{0,2}}"


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether a word of letters alone stands as a name."""
    word, before = text[start:end], text[max(0, start - _BEFORE) : start]
    if any(letter.isupper() for letter in word[1:]) or _INTRODUCED.search(before):
        return True
    return word[:1].isupper() and (not _SENTENCE.search(before) or _ALONE.match(text, end) is not None)


class Masking:
    """A text that is hidden as it grows; what could be the beginning of a name is held back."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._seen = ""
        self._held = ""

    def feed(self, text: str) -> str:
        """Add a piece, and return what can be shown of it."""
        if not self._mask.longest:
            return text
        self._held += text
        most = len(self._held) - self._mask.longest
        cut = max(self._held.rfind(space, 0, max(0, most)) for space in (" ", "\n"))
        if cut <= 0 and most > 4 * self._mask.longest:  # a language without spaces
            cut = most
        return self._shown(cut) if cut > 0 else ""

    def rest(self) -> str:
        """Return what was held back."""
        return self._shown(len(self._held))

    def _shown(self, end: int) -> str:
        text, start = self._seen + self._held, len(self._seen)
        places = list(self._mask.places(text, start, start + end))
        end = max(start + end, places[-1][1] if places else 0)
        shown = "".join(self._mask.shown(text, start, end))
        self._seen, self._held = text[:end][-_BEFORE:], text[end:]
        return shown
