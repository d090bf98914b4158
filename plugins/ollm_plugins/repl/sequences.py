"""Which sequences of a terminal are keys that do something?

prompt_toolkit puts those that it does not know into the line, letter by letter. Here they are dropped: no terminal
means its F24 or its report of focus as text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.base import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding.defaults import load_key_bindings

PASTE: Final = "\x1b[200~"
"""Begins a paste; what is in it is text, whatever it looks like."""

AT_ONCE: Final = "\x1b[24;6~"
"""Stands for Alt-Enter where Escape is a key of its own: what comes in one piece is no Escape with an Enter after it. It is
a key that no keyboard has, Control-F24."""

_SEQUENCE: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)|\x1bO[@-~]")
_BEGUN: Final = re.compile(r"\x1b\[[0-?]+[ -/]*\Z")
"""The beginning of a sequence whose end is still to come; without a number it may also be Escape and a bracket."""

_REPORT: Final = re.compile(r"\x1b\[(?:\d+;\d+R|<?[\d;]+[mM]|M)")
"""A cursor's place or a mouse's doings, which the parser takes in."""


class KnownKeys(Vt100Parser):
    """Parses keys, and drops the sequences that no key binding wants.

    :ivar vi: whether Escape is a key of its own, so that what looks like the sequence of an O is none
    """

    vi = False
    _begun = ""

    def feed(self, data: str) -> None:
        """Take in what the terminal has sent; a sequence may come in pieces."""
        data, self._begun = self._begun + data, ""
        begun = _BEGUN.search(data) if not self._in_bracketed_paste else None
        data = data[: begun.start()] if begun is not None else data
        if not self._in_bracketed_paste and "\x1b" in data:
            typed, begin, pasted = data.partition(PASTE)
            typed = _SEQUENCE.sub(self._kept, typed)
            data = (typed.replace("\x1b\r", AT_ONCE) if self.vi else typed) + begin + pasted
        super().feed(data)
        if begun is not None:  # not before: a paste is fed by this method again
            self._begun = begun[0]

    def flush(self) -> None:
        """Hear that nothing follows: what has begun is none that anybody knows."""
        begun, self._begun = self._begun, ""
        if self._in_bracketed_paste:  # it may be the end of that
            super().feed(begun)
        super().flush()

    def _kept(self, found: re.Match[str]) -> str:
        sequence = found[0]
        if _REPORT.match(sequence) or (self.vi and sequence.startswith("\x1bO")):
            return sequence
        key = ANSI_SEQUENCES.get(sequence)
        return sequence if isinstance(key, tuple) or key in _bound() else ""


def drop_unknown(source: Input, *, vi: bool) -> Input:
    """Let an input drop the sequences that nobody knows; one that parses none is left as it is."""
    parser = getattr(source, "vt100_parser", None)
    if isinstance(parser, Vt100Parser):
        known = KnownKeys(parser.feed_key_callback)
        known.vi = vi
        source.vt100_parser = known  # type: ignore[attr-defined]  # of those inputs that parse
    return source


@cache
def _bound() -> frozenset[object]:
    """Return the keys that are bound to something, if only to doing nothing."""
    return frozenset(key for binding in load_key_bindings().bindings for key in binding.keys)
