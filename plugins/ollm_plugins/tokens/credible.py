"""Is a length that a server reports the length of the prompt?

Not always: a server that keeps the beginning of a prompt from the last turn may count the rest only, and one whose
context is too small counts what it has kept of the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from ollm.api import ChatRequest
from ollm_plugins.tokens.prompt import Measured

Reason = Literal["images", "cut", "partial", "far"]
"""Why a length is not learned from.

`images`: what an image takes is unknown. `cut`: the prompt filled the context, so it may be longer. `partial`: it is
shorter than a prompt that it contains. `far`: it is so far from the estimate that a wrong count is likelier than a
strange tokenizer.
"""

_FULL: Final = 0.95
"""A prompt that takes so much of its context may have been cut: Ollama cuts when not even one token is left for the
answer, and estimates may be 5 % too low."""

_FAR: Final = 2.0
_TEMPLATE: Final = 300
"""Tokens that a template may add beyond expectation: the longest default system prompts in Ollama's library."""

_AGREED: Final = 3
_ALIKE: Final = 1.4
_THINKABLE: Final = (0.3, 6.0)
"""Tokens of a strange tokenizer for each token of the usual ones: six, if each byte is one."""


class Doubt(Struct, frozen=True):
    """Lengths that were not believed.

    :param ratios: each relative to its estimate, by the length itself
    """

    ratios: tuple[tuple[int, float], ...] = ()

    def of(self, tokens: int, estimate: float) -> Doubt:
        """Add one, and forget those before the last few; the same length again says nothing new."""
        others = tuple(pair for pair in self.ratios if pair[0] != tokens)
        return Doubt((*others, (tokens, tokens / max(estimate, 1.0)))[-_AGREED:])

    def scale(self) -> float | None:
        """Return the factor in which they agree, as with a tokenizer like none known; counts that are partial differ."""
        ratios = sorted(ratio for _, ratio in self.ratios)
        agreed = len(ratios) == _AGREED and ratios[-1] <= ratios[0] * _ALIKE
        middle = ratios[len(ratios) // 2]
        return middle if agreed and _THINKABLE[0] <= middle <= _THINKABLE[1] else None


def doubt(request: ChatRequest, measured: Measured, tokens: int, estimate: float, least: int) -> Reason | None:
    """Say why a reported length cannot be believed; None if it can.

    :param estimate: of the same prompt, in tokens
    :param least: the reported length of a prompt that this one begins with; 0 if there is none
    """
    if measured.images:
        return "images"
    context = request.options.context_size
    if context is not None and max(tokens, estimate) >= context * _FULL:
        return "cut"
    if tokens < least and not measured.thinks:  # templates leave thoughts out when a new turn begins
        return "partial"
    if tokens > estimate * _FAR + _TEMPLATE or tokens < estimate / _FAR:
        return "far"
    return None


def goes_on(messages: Sequence[object], before: Sequence[object]) -> bool:
    """Say whether a conversation begins with another one."""
    return len(messages) >= len(before) and all(one == other for one, other in zip(messages, before, strict=False))
