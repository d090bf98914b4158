"""What does a request consist of, in tokens?"""

from __future__ import annotations

from msgspec import Struct

from ollm.api import ChatRequest, MemoryService, OllmError, TokenCounter, TurnContext, replace
from ollm_plugins.context.turns import beginnings, head_of
from ollm_plugins.context.views import Sent, delimited, known


class Part(Struct, frozen=True):
    """A part of a request.

    :param tokens: as estimated
    """

    name: str
    tokens: int


async def parts_of(sent: Sent, counter: TokenCounter) -> list[Part]:
    """Return the parts of a request; together they are as long as the whole."""
    request, turn = sent.request, sent.turn
    total = await _length(request, turn, counter)
    tools = total - await _length(replace(request, tools=()), turn, counter)
    head = head_of(request.messages)
    system = total - await _length(replace(request, messages=request.messages[head:]), turn, counter) if head else 0
    text = request.messages[0].content if head else ""
    inside = [Part(name, await _within(text, part, turn, counter)) for name, part in await _inside(turn)]
    starts = beginnings(request.messages)
    before = replace(request, messages=request.messages[: starts[-1]] if starts else ())
    prompt = total - await _length(before, turn, counter)
    rest = Part("system prompt", max(system - sum(part.tokens for part in inside), 0))
    history = Part("history", max(total - system - tools - prompt, 0))
    shown = [rest, *inside, Part("tools", tools), history, Part("prompt", prompt)]
    return [part for part in shown if part.tokens > 0]


async def _inside(turn: TurnContext) -> list[tuple[str, str]]:
    """Return the named parts of the system prompt, as far as anybody can tell them."""
    found = []
    memory = turn.host.services.find(MemoryService)
    if memory is not None:
        try:
            found.append(("memories", await memory.system_prompt_addition(turn)))
        except OllmError:  # it was said in the turn itself
            found.append(("memories", ""))
    cuts = known(turn.host.services).cuts(turn.conversation)
    if cuts:
        found.append(("summary", delimited(cuts[-1].summary)))
    return found


async def _within(whole: str, part: str, turn: TurnContext, counter: TokenCounter) -> int:
    if not part or part not in whole:
        return 0
    return (await counter.count(part, turn.model, turn.provider)).tokens


async def _length(request: ChatRequest, turn: TurnContext, counter: TokenCounter) -> int:
    if not request.messages and not request.tools:
        return 0
    return (await counter.count_request(request, turn.provider)).tokens
