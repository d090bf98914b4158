"""How do tool results that are longer than the context become shorter?"""

from __future__ import annotations

from typing import Final

from ollm.api import ChatRequest, Message, replace

LEAST: Final = 200
"""Characters of a result below which it tells nothing."""


def longest_of(request: ChatRequest, own: int) -> int:
    """Return the characters of the longest tool result.

    :param own: where the messages of the turn under way begin
    """
    return max((len(message.content) for message in request.messages[own:] if message.role == "tool"), default=0)


def with_results(request: ChatRequest, own: int, most: int) -> ChatRequest:
    """Return a request of which no tool result of the turn under way has more characters than that."""
    kept, new = request.messages[:own], request.messages[own:]
    return replace(request, messages=(*kept, *(_short(each, most) if each.role == "tool" else each for each in new)))


def _short(message: Message, most: int) -> Message:
    """Return a message, or one with its beginning and its end, and how much lies between them."""
    text = message.content
    if len(text) <= most:
        return message
    half = max((most - 80) // 2, 20)
    between = f"\n[… {len(text) - 2 * half} characters are left out: there is no room for them …]\n"
    return replace(message, content=f"{text[:half]}{between}{text[-half:]}")
