"""Where does each turn of a conversation begin?"""

from __future__ import annotations

from collections.abc import Sequence

from ollm.api import Message


def beginnings(messages: Sequence[Message]) -> list[int]:
    """Return the index of each prompt of the user's; a turn goes from one to the next."""
    return [index for index, message in enumerate(messages) if message.role == "user"]


def head_of(messages: Sequence[Message]) -> int:
    """Return how many messages stand before the conversation: 1 for a system prompt, else 0."""
    return int(bool(messages) and messages[0].role == "system")
