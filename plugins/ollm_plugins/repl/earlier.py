"""Where does a conversation stand that was begun before?

Its last turns are drawn as they were when they were held; of what is long, as much as is needed to know it again.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ollm.api import Message, TextDelta, ToolCall, ToolReturned

if TYPE_CHECKING:
    from ollm_plugins.repl.screen import Screen

TURNS: Final = 2
"""Turns that are drawn."""
PROMPT: Final = 240
"""Characters of a prompt that are drawn, its first ones."""
ANSWER: Final = 2000
"""Characters of an answer that are drawn, its last ones; fewer where the window has no room for them."""
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")


def show_earlier(screen: Screen, messages: Sequence[Message]) -> None:
    """Draw the last turns of a conversation, if it has any.

    :param screen: one on which nothing else is drawn meanwhile
    :raises OSError: the terminal is gone
    """
    begins = [at for at, message in enumerate(messages) if message.role == "user"]
    first = begins[-TURNS] if len(begins) >= TURNS else 0
    before = sum(at < first for at in begins)
    if before:
        screen.hint(f"{before} earlier turn{'' if before == 1 else 's'}, then:")
    calls: dict[str, ToolCall] = {}
    for message in messages[first:]:
        calls.update((call.id, call) for call in message.tool_calls)
        _show(screen, message, calls)
    screen.rest()


def _show(screen: Screen, message: Message, calls: Mapping[str, ToolCall]) -> None:
    if message.role == "user":
        screen.hint("\n".join(f"> {line}" for line in beginning(message.content).splitlines() or [""]))
        for image in message.images:
            screen.hint(f"> [image, {len(image)} bytes]")
    elif message.role == "tool":
        call = calls.get(message.tool_call_id) or ToolCall(message.tool_call_id, message.tool_name, {})
        screen.show(ToolReturned(call, message.content))
    elif message.content:
        size = shutil.get_terminal_size()
        screen.show(TextDelta(ending(message.content, min(ANSWER, size.columns * size.lines))))
        screen.rest()


def beginning(prompt: str) -> str:
    """Return the beginning of a prompt, cut between words where there are some."""
    if len(prompt) <= PROMPT:
        return prompt
    head = prompt[:PROMPT]
    return f"{head.rpartition(' ')[0] or head}\u2026"


def ending(answer: str, most: int) -> str:
    """Return the end of an answer: whole lines, or the end of the last one; code that is cut stays code.

    :param most: characters of it
    """
    if len(answer) <= most:
        return answer
    rest, fence = len(answer), ""
    for line, following in pairwise(answer.splitlines(keepends=True)):
        rest -= len(line)
        fence = _fence(line, fence)
        closes = fence and not _fence(following, fence)
        if rest <= most and not closes and answer[-rest:].strip():
            return f"\u2026\n\n{fence}{answer[-rest:]}"
    end = answer.rstrip()[-most:]
    return f"\u2026{end.partition(' ')[2] or end}"


def _fence(line: str, before: str) -> str:
    """Return the line that has opened the block of code in which the next line stands; nothing where it is in none.

    :param before: the same of this line
    """
    found, opened = _FENCE.match(line), _FENCE.match(before)
    if opened is None:
        return line if found is not None else ""
    closes = found is not None and found[1].startswith(opened[1]) and not line.strip().strip(opened[1][0])
    return "" if closes else before
