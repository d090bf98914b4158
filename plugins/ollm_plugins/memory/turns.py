"""What does a turn get of what is remembered, and does the user want the tools to be offered?"""

from __future__ import annotations

from typing import Final

from ollm.api import (
    ChatRequest,
    MemoryService,
    Notice,
    OllmError,
    TurnContext,
    replace,
)
from ollm_plugins.memory.service import Memories
from ollm_plugins.memory.settings import MemorySettings

TOOLS: Final = frozenset({"remember", "recall"})


async def render(turn: TurnContext) -> str | None:
    """Return what goes into the system prompt; where nothing can be read, the turn goes on without it."""
    service = turn.host.services.find(MemoryService)
    if service is None:
        return None
    try:
        text = await service.system_prompt_addition(turn)
    except OllmError as error:
        turn.host.notify(Notice("memory-not-read", f"The prompt gets nothing of what is remembered: {error}"))
        return None
    if isinstance(service, Memories):
        _say_left_out(service, turn)
    return text or None


def _say_left_out(service: Memories, turn: TurnContext) -> None:
    """Say that something does not fit, when that begins; not again in each turn."""
    left_out = len(service.last.left_out) if service.last else 0
    if left_out and not service.says_left_out and service.last:
        which = "1 memory is" if left_out == 1 else f"{left_out} memories are"
        text = (
            f"{which} left out of the prompt for the budget of {service.last.budget} tokens; `memory why` says which."
        )
        turn.host.notify(Notice("memory-left-out", text))
    service.says_left_out = bool(left_out)


def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Leave the tools out where the user does not want them."""
    settings = turn.host.settings.section(MemorySettings)
    if settings.enabled and settings.tools:
        return request
    return replace(request, tools=tuple(tool for tool in request.tools if tool.name not in TOOLS))
