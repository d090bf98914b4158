"""How long is a request, and how much room does it get?"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from ollm.api import ChatRequest, ContextWindow, ContextWindows, TokenCount, TokenCounter, TurnContext, replace
from ollm_plugins.context.turns import head_of

ANSWER: Final = 512
"""Tokens kept free for an answer that nobody has limited; at most an eighth of the context."""

Largest = Literal["prompt", "images", "system prompt", "tools"]
"""What may be too long by itself."""


class Measured(Struct, frozen=True):
    """A request and the room that it gets.

    :param scale: by what estimates are to be multiplied, once a provider has told the true length of one
    """

    request: ChatRequest
    prompt: TokenCount
    window: ContextWindow
    scale: float = 1.0

    @property
    def tokens(self) -> int:
        """Length of the prompt."""
        return round(self.prompt.tokens * self.scale)

    @property
    def room(self) -> int:
        """Tokens that a prompt may have so that an answer fits behind it."""
        return room_in(self.window.size, self.request.options.max_tokens)

    @property
    def fits(self) -> bool:
        """Whether there is room for an answer."""
        return self.tokens <= self.room


class Scales:
    """Measures the requests of one turn.

    :param scale: as in `Measured`
    """

    def __init__(self, turn: TurnContext, counter: TokenCounter, windows: ContextWindows, scale: float = 1.0) -> None:
        self.turn = turn
        self.counter = counter
        self.scale = scale
        self._windows = windows

    async def measured(self, request: ChatRequest) -> Measured:
        """Measure a request."""
        prompt = await self.counter.count_request(request, self.turn.provider)
        window = await self._windows.window_of(request, self.turn.provider, prompt)
        return Measured(request, prompt, window, self.scale)

    async def length(self, request: ChatRequest) -> float:
        """Count a request, without asking anybody for its window."""
        return (await self.counter.count_request(request, self.turn.provider)).tokens * self.scale

    async def largest(self, request: ChatRequest) -> Largest:
        """Say what takes most of a request that holds nothing of earlier turns."""
        head = head_of(request.messages)
        own = request.messages[head:]
        seen = await self.length(ChatRequest(request.model, own))
        read = await self.length(ChatRequest(request.model, tuple(replace(each, images=()) for each in own)))
        lengths: dict[Largest, float] = {
            "prompt": read,
            "images": seen - read,
            "system prompt": await self.length(ChatRequest(request.model, request.messages[:head])),
            "tools": await self.length(ChatRequest(request.model, (), request.tools)),
        }
        return max(lengths, key=lambda name: lengths[name])


def scales_of(turn: TurnContext, scale: float = 1.0) -> Scales | None:
    """Return what measures; None where nobody counts tokens or knows the context."""
    counter, windows = turn.host.services.find(TokenCounter), turn.host.services.find(ContextWindows)
    return None if counter is None or windows is None else Scales(turn, counter, windows, scale)


def room_in(size: int, max_tokens: int | None) -> int:
    """Return how many tokens of a context a prompt may take."""
    return size - min(max_tokens or ANSWER, ANSWER, size // 8)
