"""What does a request consist of, in tokens?"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ollm.api import ChatRequest, MemoryService, Message, OllmError, TokenCounter, TurnContext
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
    head = head_of(request.messages)
    starts = beginnings(request.messages)
    prompt = starts[-1] if starts and not sent.drafted else len(request.messages)
    counted = _Counting(counter, turn)
    system = await counted.messages(request.messages[:head])
    text = request.messages[0].content if head else ""
    named = [(name, part) for name, part in await _inside(turn) if part and part in text]
    inside = [Part(name, await counted.text(part)) for name, part in named]
    own = max(system - sum(part.tokens for part in inside), await counted.text(_without(text, named)))
    tools = await counted.length(ChatRequest(turn.model, (), request.tools)) if request.tools else 0
    shown = [
        Part("system prompt", own),
        *inside,
        Part("tools", tools),
        Part("history", await counted.messages(request.messages[head:prompt])),
        Part("prompt", await counted.messages(request.messages[prompt : prompt + 1])),
        Part("tool results", await counted.messages(request.messages[prompt + 1 :])),
    ]
    return _summing_up([part for part in shown if part.tokens > 0], sent.tokens)


class _Counting:
    """Counts parts of a request by themselves."""

    def __init__(self, counter: TokenCounter, turn: TurnContext) -> None:
        self._counter = counter
        self._turn = turn

    async def messages(self, messages: Sequence[Message]) -> int:
        """Count messages."""
        return await self.length(ChatRequest(self._turn.model, tuple(messages))) if messages else 0

    async def length(self, request: ChatRequest) -> int:
        """Count a request, without what every request has."""
        empty = await self._counter.count_request(ChatRequest(request.model, ()), self._turn.provider)
        whole = await self._counter.count_request(request, self._turn.provider)
        return max(whole.tokens - empty.tokens, 1)

    async def text(self, text: str) -> int:
        """Count a text."""
        return (await self._counter.count(text, self._turn.model, self._turn.provider)).tokens if text else 0


def _without(text: str, named: Sequence[tuple[str, str]]) -> str:
    """Return a system prompt without its named parts.

    It is counted by itself, too: what the template adds where there is none is missing from the difference.
    """
    for _, part in named:
        text = text.replace(part, "", 1)
    return text.strip()


def _summing_up(parts: list[Part], total: int) -> list[Part]:
    """Return parts that are together as long as the whole, which is known better than each of them."""
    if not parts:
        return [Part("template", total)] if total else []
    counted = sum(part.tokens for part in parts)
    made, before, done = [], 0, 0
    for part in parts:
        before += part.tokens
        upto = round(total * before / counted)
        made.append(Part(part.name, upto - done))
        done = upto
    return made


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
