"""How are turns summarized by the model that answers?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ollm.api import (
    ChatRequest,
    GenerationOptions,
    Message,
    Provider,
    ProviderAccess,
    ProviderError,
    TextDelta,
    TurnContext,
)

_TASK: Final = (
    "You keep the notes of a conversation between a user and an assistant, so that it can go on without its beginning. "
    "Write down, in short sentences: what the user wants, what was decided and found out, names, numbers, paths and code "
    "that may be needed again, and what is still open. Do not answer anything, do not greet, do not comment."
)
_LONGEST: Final = 4000
"""Characters of one message that are summarized; of a longer one, its beginning and its end."""

_LETTERS: Final = 3
"""Characters that a token has at least, on average, in texts of conversations: what is cut to fit by it does fit."""

_WHO: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool result"}


async def summarized(turn: TurnContext, messages: Sequence[Message], earlier: str, size: int, longest: int) -> str:
    """Return a summary of messages.

    :param earlier: a summary of what came before them; empty for none
    :param size: of the context that the model gets, in tokens
    :param longest: how long the summary may be, in tokens
    :raises OllmError: the model says nothing, or its provider fails
    """
    room = max(size - 2 * longest - 200, 200) * _LETTERS
    summary = earlier
    for piece in pieces(messages, room):
        summary = await _ask(turn, _prompt(summary, piece), size, longest)
    return summary


def pieces(messages: Sequence[Message], room: int) -> Iterator[str]:
    """Yield the messages as text, in pieces of so many characters at most."""
    piece = ""
    for message in messages:
        line = f"{_WHO.get(message.role, message.role)}: {shortened(_text(message), min(room - 20, _LONGEST))}\n\n"
        if piece and len(piece) + len(line) > room:
            yield piece
            piece = ""
        piece += line
    if piece:
        yield piece


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning and its end."""
    if len(text) <= longest:
        return text
    half = (longest - 7) // 2
    return f"{text[:half]} […] {text[-half:]}"


def _text(message: Message) -> str:
    calls = " ".join(f"[calls {call.name} {dict(call.arguments)}]" for call in message.tool_calls)
    images = f"[{len(message.images)} images]" if message.images else ""
    return " ".join(part for part in (message.content.strip(), calls, images) if part)


def _prompt(earlier: str, piece: str) -> str:
    before = f"Your notes so far:\n{earlier}\n\n" if earlier else ""
    return f"{before}The conversation goes on:\n\n{piece}\nWrite the notes anew, complete, with what is new."


async def _ask(turn: TurnContext, prompt: str, size: int, longest: int) -> str:
    """Let the model that answers write.

    :raises OllmError: it says nothing, or its provider fails
    """
    access = turn.host.services.find(ProviderAccess)
    assert access is not None, "the kernel provides it"
    options = GenerationOptions(temperature=0.0, max_tokens=longest, context_size=size)
    request = ChatRequest(turn.model, (Message("system", _TASK), Message("user", prompt)), options=options)

    async def collect(provider: Provider) -> str:
        return "".join([event.text async for event in provider.chat(request) if isinstance(event, TextDelta)]).strip()

    text: str = await access.ask(access.entry(turn.provider), collect)
    if not text:
        raise ProviderError(f"{turn.model} wrote no summary")
    return text
