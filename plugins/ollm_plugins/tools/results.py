"""How much of a tool's result does a model get?

At most half of what is left of its context, and never more than the setting says: its beginning and its end, on
borders of lines, with a line between them that says what is missing and which file has it all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ollm.api import (
    ChatRequest,
    HostContext,
    ModelKnowledge,
    ModelOptions,
    Notice,
    OllmError,
    TokenCounter,
    ToolContext,
    ToolReturned,
    TurnContext,
    may_keep,
    replace,
)
from ollm_plugins.tools.cutting import cut
from ollm_plugins.tools.keeping import Keeper
from ollm_plugins.tools.settings import ResultSettings

if TYPE_CHECKING:
    from ollm.api import ServiceFinder

SHORT: Final = 400
"""Characters of a result that is never trimmed: it would hardly get shorter."""
ANSWER: Final = 1024
"""Tokens kept free for an answer that nobody has limited, but no more than a quarter of the context."""
LEAST: Final = 100
"""Tokens of a result that a model gets however little is left."""
SAMPLED: Final = 60_000
"""Characters of a longer result whose tokens are counted."""
CONTEXT: Final = 4096
"""Tokens of context where nobody knows better."""


class Share(Struct):
    """What the results of one answer have taken of the context, in tokens."""

    request: ChatRequest | None = None
    taken: int = 0


class Trimming:
    """Trims results to their share of the context that is left; those of one answer share it."""

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx
        self._keeper = Keeper(ctx.paths.tool_results)
        self._share = Share()

    async def trimmed(self, result: ToolReturned, tool: ToolContext) -> ToolReturned:
        """Return a result as it is, or what of it fits; the whole is then kept in a file."""
        most = self._ctx.settings.section(ResultSettings).max_tokens
        length = len(result.content)
        if length <= SHORT:
            return result
        left = await self._left(tool)
        tokens = await self._counted(result.content, tool.turn)
        budget = max(LEAST, min(most, (left - self._taken(tool.request)) // 2))
        self._share.taken += min(tokens, budget)
        if tokens <= budget:
            return result
        return await self._cut(result, tool, tokens, budget)

    def _taken(self, request: ChatRequest | None) -> int:
        """Return what other results of the same answer have taken."""
        if self._share.request is not request:
            self._share = Share(request)
        return self._share.taken

    async def _left(self, tool: ToolContext) -> int:
        """Return how many tokens of the context are left for results, with room for an answer kept free."""
        request, turn = tool.request, tool.turn
        if request is None:
            return CONTEXT
        room = await self._room(request, turn)
        counter = self._ctx.services.find(TokenCounter)
        prompt = (await counter.count_request(request, turn.provider)).tokens if counter else 0
        return room - prompt - min(request.options.max_tokens or ANSWER, room // 4)

    async def _room(self, request: ChatRequest, turn: TurnContext) -> int:
        """Return the context size, in tokens: as the user has chosen it, else as large as the model can take."""
        options = self._ctx.services.find(ModelOptions)
        chosen = turn.overrides.options.context_size or (
            options.options_for(request.model, turn.provider).context_size if options else None
        )
        knowledge = self._ctx.services.find(ModelKnowledge)
        limits = await knowledge.limits_of(request.model, turn.provider) if knowledge else None
        if limits is None or not limits.known:
            return chosen or request.options.context_size or CONTEXT
        return min(chosen or limits.context_window, limits.context_window)

    async def _counted(self, text: str, turn: TurnContext) -> int:
        """Count the tokens of a text; of a long one, only those of its ends."""
        sample = text if len(text) <= SAMPLED else text[: SAMPLED // 2] + text[-SAMPLED // 2 :]
        counter = self._ctx.services.find(TokenCounter)
        if counter is None:
            return len(text.encode("utf-8", "replace")) // 3
        counted = await counter.count(sample, turn.model, turn.provider)
        return round(counted.tokens * len(text) / len(sample))

    async def _cut(self, result: ToolReturned, tool: ToolContext, tokens: int, budget: int) -> ToolReturned:
        """Cut a result, until what is left has no more tokens than it may have."""
        where = await self._kept(result, tool)
        characters = len(result.content) * budget // tokens
        text = cut(result.content, characters, where)
        for _ in range(3):
            counted = await self._counted(text, tool.turn)
            if counted <= budget:
                break
            characters = characters * budget // (counted + 1) - 50
            text = cut(result.content, max(characters, SHORT), where)
        return replace(result, content=text)

    async def _kept(self, result: ToolReturned, tool: ToolContext) -> str:
        """Keep the whole, and say for the model where it is; where nothing is to be kept, it is lost."""
        if not may_keep(self._ctx.services):
            text = f"{result.call.name} returned more than the model gets; the rest is lost, since nothing of this run is kept."
            self._ctx.notify(Notice("result-trimmed", text))
            return "the rest is lost"
        try:
            path = await asyncio.to_thread(self._keeper.keep, tool.turn.id, result.content)
        except OllmError as error:
            self._ctx.notify(Notice("result-not-kept", f"A long result of {result.call.name} is cut: {error}"))
            return "the rest is lost"
        can_read = tool.request is not None and any(each.name == "read_file" for each in tool.request.tools)
        how = "; read_file with offset and limit shows parts of it" if can_read else ""
        said = f"{result.call.name} returned more than the model gets; the whole is in {path}"
        self._ctx.notify(Notice("result-trimmed", f"{said}."))
        return f"the whole is in {path}{how}"


def known(services: ServiceFinder) -> Trimming:
    """Return the one object of this run."""
    found = services.find(Trimming)
    assert found is not None, "this plugin provides it"
    return found


async def adjust(result: ToolReturned, tool: ToolContext) -> ToolReturned:
    """Trim a result to its share of the context that is left."""
    return await known(tool.turn.host.services).trimmed(result, tool)
