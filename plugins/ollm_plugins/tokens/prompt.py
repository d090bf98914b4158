"""What of a request takes room in the prompt?

The texts of its messages and tools, and what the model's template puts around them: marks for each message, a default
system prompt, an introduction to the tools. Nobody tells us the template, so these are numbers of their own to learn.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from msgspec import Struct, to_builtins

from ollm.api import ChatRequest, Message
from ollm_plugins.tokens.pieces import NAMES, count

EXTRAS: Final = ("request", "message", "no_system", "tools", "tool_signs", "thinking_signs", "calls")
"""What is counted of a request beside the pieces of its texts.

`request` is 1; `no_system` is 1 where a template may put its own system prompt; `tools` is 1 when there are any;
`tool_signs` and `thinking_signs` count characters in fours, which is near a token, of the tools' descriptions (a
template may write them in more words) and of former thoughts (most templates leave them out).
"""

IMAGE_TOKENS: Final = 576
"""An image in the prompt: CLIP ViT-L/14 at 336 pixels makes 24 by 24 patches (LLaVA 1.5); others make 256 to 1,600."""

_SIGNS: Final = 4.0
_REMEMBERED_CHARACTERS: Final = 8_000_000
"""Texts of about so many characters in all are counted once only; their counts take a hundredth of that in memory."""


class Measured(Struct, frozen=True):
    """What a request consists of.

    :param pieces: as `pieces.NAMES` lists them
    :param extras: as `EXTRAS` lists them
    """

    pieces: tuple[int, ...]
    extras: tuple[float, ...]
    images: int

    @property
    def thinks(self) -> bool:
        """Whether there are thoughts in it."""
        return self.extras[EXTRAS.index("thinking_signs")] > 0


class Measure:
    """Measures requests; a text that was seen before is not read again, so a long conversation costs its last turn."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._characters = 0

    def text(self, text: str) -> tuple[int, ...]:
        """Count the pieces of a text."""
        found = self._known.pop(text, None)
        if found is None:
            found = tuple(count(text))
            self._characters += len(text)
        self._known[text] = found
        while self._characters > _REMEMBERED_CHARACTERS and len(self._known) > 1:
            self._characters -= len(self._known.popitem(last=False)[0])
        return found

    def request(self, request: ChatRequest) -> Measured:
        """Measure a request."""
        described = tools_text(request)
        parts = [self.text(text) for text in texts(request)]
        pieces = tuple(map(sum, zip(*parts, strict=True))) if parts else (0,) * len(NAMES)
        messages = request.messages
        extras = (
            1.0,
            float(len(messages)),
            float(not any(message.role == "system" for message in messages)),
            float(bool(request.tools)),
            len(described) / _SIGNS,
            sum(len(message.thinking) for message in messages) / _SIGNS,
            float(sum(len(message.tool_calls) for message in messages)),
        )
        return Measured(pieces, extras, sum(len(message.images) for message in messages))


def texts(request: ChatRequest) -> list[str]:
    """Return each text that the model is surely given."""
    found = [text for message in request.messages for text in (message.content, calls_text(message)) if text]
    described = tools_text(request)
    return [*found, described] if described else found


def calls_text(message: Message) -> str:
    """Return a message's tool calls as most templates write them."""
    calls = [{"name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    return "\n".join(_spaced(call) for call in calls)


def tools_text(request: ChatRequest) -> str:
    """Return the tools as most templates write them: as the JSON in which they were sent."""
    if not request.tools:
        return ""
    return "\n".join(_spaced({"type": "function", "function": tool}) for tool in request.tools)


def _spaced(value: object) -> str:
    """Write JSON with a space after commas and colons, as the templates' own writers do."""
    from json import dumps

    return dumps(to_builtins(value, enc_hook=str), ensure_ascii=False)
