"""How is a tool call carried out safely?

The model's wish is checked first: the tool must have been offered, the arguments must fit, and somebody must have
approved of anything that carries a risk. What goes wrong is told to the model as the tool's result.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ollm.approval import Approval
from ollm.awaiting import CLOSING, asked, awaited, failure
from ollm.contexts import ToolContext, TurnContext
from ollm.contribution import resolve
from ollm.contributions import Tool
from ollm.errors import OllmError, PluginError
from ollm.hub import label
from ollm.messages import ChatRequest, Event, Notice, ToolCall, ToolDecided, ToolReturned, ToolSpec

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned


ALIKE = 3
"""How often a model may make the same call before it is told that nothing has changed."""

DEEPEST = 100
"""Levels of a call's arguments. Far deeper ones can be read once, but not written again, which would end the talk."""

LONGEST_NAME = 100
"""Characters of a name that no tool has, as they are told."""

Tell = Callable[[Event], None]


def sound(call: ToolCall, taken: Container[str]) -> ToolCall:
    """Return a call as it can be kept: what the server or the model says of it may be anything.

    :param taken: ids of the calls before; one that comes again would mix up what was decided on which
    """
    fits = _is_shallow(call.arguments, DEEPEST)
    if fits and call.id and call.id not in taken:
        return call
    identity = call.id if call.id and call.id not in taken else f"call_{os.urandom(6).hex()}"
    return ToolCall(identity, call.name, call.arguments if fits else {})


def _is_shallow(value: Any, levels: int) -> bool:
    """Whether there are no more levels of lists and objects in a value."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


class Toolbox:
    """The tools of one turn.

    :param aside: whether the turn has none
    """

    def __init__(self, hub: Hub, *, aside: bool = False) -> None:
        self._hub = hub
        self._adapters: dict[str, Any] = {}
        self._tools = {owned.item.name: owned for owned in (() if aside else hub.tools())}
        self._approval = Approval(hub)
        self._deciding = asyncio.Lock()
        self._under_way: set[asyncio.Future[None]] = set()
        self._made: Counter[str] = Counter()
        self._specs = tuple(filter(None, map(self._described, self._tools.values())))

    def specs(self) -> tuple[ToolSpec, ...]:
        """Say what the model is told of the tools; one whose parameters cannot be described is left out."""
        return self._specs

    def _described(self, owned: Owned[Tool]) -> ToolSpec | None:
        schema = self._hub.host.guard(owned.record, label(owned.item), lambda: self._schema(owned.item))
        return ToolSpec(owned.item.name, owned.item.description, schema) if schema is not None else None

    def _schema(self, tool: Tool) -> Mapping[str, Any]:
        """Describe a tool's parameters.

        :raises TypeError: they are no JSON or no object, so that a server would refuse every request with them
        """
        if isinstance(tool.parameters, Mapping):
            json.dumps(tool.parameters)
            return tool.parameters
        from pydantic import TypeAdapter

        adapter = self._adapters[tool.name] = TypeAdapter(resolve(tool.parameters))
        schema: Mapping[str, Any] = adapter.json_schema()
        if schema.get("type") != "object":
            raise TypeError(f"its parameters are a JSON {schema.get('type')}, not an object")
        return schema

    async def run_all(
        self, calls: Sequence[ToolCall], turn: TurnContext, request: ChatRequest, finished: dict[int, ToolReturned]
    ) -> AsyncGenerator[Event, None]:
        """Run the calls of one answer side by side and yield what was decided and each result as it comes.

        :param request: what the model has answered
        :param finished: gets the results by the number of their call, also of those that are not yielded any more
        """
        happened: asyncio.Queue[Event | int] = asyncio.Queue()
        running: dict[int, asyncio.Future[ToolReturned]] = {}
        for number, call in enumerate(calls):
            running[number] = asyncio.ensure_future(self.run(call, turn, request, happened.put_nowait))
            running[number].add_done_callback(partial(_ended, happened, number))
        try:
            while running:
                event = await happened.get()
                if isinstance(event, int):
                    finished[event] = _result(running.pop(event), calls[event])
                    event = finished[event]
                yield event
        finally:
            for task in running.values():
                task.cancel()
            if running:
                await asyncio.wait(running.values(), timeout=CLOSING)
            for number, task in running.items():
                if task.done() and not task.cancelled() and task.exception() is None:
                    finished[number] = task.result()

    async def run(self, call: ToolCall, turn: TurnContext, request: ChatRequest, tell: Tell) -> ToolReturned:
        """Run one call; whatever goes wrong becomes the result that the model reads.

        :param tell: is told what was decided
        """
        owned = self._tools.get(call.name)
        offered = sorted(each.name for each in request.tools)
        if owned is None or call.name not in offered:
            name = call.name if len(call.name) <= LONGEST_NAME else f"{call.name[:LONGEST_NAME]}…"
            return _refused(call, f"There is no tool {name!r}. Tools: {', '.join(offered) or 'none'}.", tell)
        if self._is_alike(call):
            tell(
                Notice("tool-repeated", f"The model called {call.name} {ALIKE} times in the same way; it was not run.")
            )
            text = "You have made this very call before in this turn. Nothing has changed since: use what it returned."
            return _refused(call, text, tell)
        wish = ToolContext(turn, call, request)
        in_turn = nullcontext() if owned.item.risk == "none" else self._deciding
        async with in_turn:  # the user is asked about one after the other, in the model's order
            if owned.item.risk == "write" and self._under_way:
                await asyncio.wait(self._under_way)  # what was to come before a change is not to see it, or to miss it
            agreed = await self._agreed(owned, wish, tell)
            if isinstance(agreed, ToolReturned):
                return await self._adjusted(agreed, wish)  # a refusal may be long, too: it may quote the arguments
            if owned.item.risk == "write":  # so that a change to the same thing is looked at as it then is
                return await self._done(owned, call, *agreed)
            ended = asyncio.get_running_loop().create_future()
            self._under_way.add(ended)
        try:
            return await self._done(owned, call, *agreed)
        finally:
            self._under_way.discard(ended)
            ended.set_result(None)

    async def _done(self, owned: Owned[Tool], call: ToolCall, context: ToolContext, arguments: Any) -> ToolReturned:
        """Run a call that somebody has agreed to.

        :param call: as the model has made it
        """
        result = await self._carry_out(owned, context, arguments)
        if not result.failed and owned.item.risk in ("write", "execute"):
            self._forget_all_but(_key(call))
        if context.call is not call:
            words = json.dumps(dict(context.call.arguments), ensure_ascii=False, default=str)
            result = replace(result, content=f"The user changed the arguments to {words}\n\n{result.content}")
        return await self._adjusted(result, context)

    def _is_alike(self, call: ToolCall) -> bool:
        """Count a call, and say whether it was made too often in this turn."""
        self._made[_key(call)] += 1
        return self._made[_key(call)] >= ALIKE

    def _forget_all_but(self, key: str) -> None:
        """Something may have changed, so that another call may return something else when it is made again."""
        self._made = Counter({key: self._made[key]})

    async def _agreed(
        self, owned: Owned[Tool], wish: ToolContext, tell: Tell
    ) -> tuple[ToolContext, Any] | ToolReturned:
        """Return with which arguments a call may run; or the result that the model reads instead."""
        before: ToolContext | None = None
        while True:
            try:
                arguments = self._validated(owned.item, wish.call.arguments)
            except ValueError as error:
                if before is None:
                    return _refused(wish.call, f"The arguments do not fit: {error}", tell)
                wish, before = _taken_back(wish, before, str(error)), None
                continue
            except Exception as error:
                return self._failed(wish, failure(self._hub, owned, error))
            decision = await self._approval.decide(owned, wish, arguments)
            if before is not None and not decision.allowed and decision.by == "tool":
                wish, before = _taken_back(wish, before, decision.reason), None
                continue
            if decision.arguments is None:
                break
            before, wish = wish, replace(wish, call=replace(wish.call, arguments=decision.arguments))
        tell(ToolDecided(wish.call, decision.allowed, decision.by, decision.reason))
        if not decision.allowed:
            return ToolReturned(wish.call, decision.reason, failed=True)
        return wish, arguments

    async def _carry_out(self, owned: Owned[Tool], context: ToolContext, arguments: Any) -> ToolReturned:
        async def work() -> str:
            text = await resolve(owned.item.run)(context, arguments)
            if not isinstance(text, str):
                raise TypeError(f"it returned a {type(text).__name__}, not a text")
            return text

        try:
            return ToolReturned(context.call, await awaited(self._hub, owned, work()))
        except PluginError as error:
            return self._failed(context, error)
        except OllmError as error:
            return ToolReturned(context.call, str(error), failed=True)

    async def _adjusted(self, result: ToolReturned, context: ToolContext) -> ToolReturned:
        for owned in self._hub.result_adjusters():
            notify = context.turn.host.notify
            result = await asked(self._hub, notify, owned, "adjust", ToolReturned, result, context) or result
        return result

    def _failed(self, context: ToolContext, error: PluginError) -> ToolReturned:
        """Tell the model, and the user whose fault it is; the plugin's author finds more in the ledger.

        :raises PluginError: in strict mode
        """
        if self._hub.host.strict:
            raise error
        context.turn.host.notify(Notice("plugin-failed", str(error)))
        return ToolReturned(context.call, f"{error.problem}.", failed=True)

    def _validated(self, tool: Tool, arguments: Mapping[str, Any]) -> Any:
        """Bring a model's arguments into the tool's type.

        :raises ValueError: they do not fit; pydantic's error is one
        """
        adapter = self._adapters.get(tool.name)
        return arguments if adapter is None else adapter.validate_python(dict(arguments))


def _ended(happened: asyncio.Queue[Event | int], number: int, _: asyncio.Future[ToolReturned]) -> None:
    happened.put_nowait(number)


def _taken_back(edited: ToolContext, before: ToolContext, why: str) -> ToolContext:
    """Say that what the user has made of a call cannot be, and return the call as it was, to be asked about again."""
    edited.turn.host.notify(Notice("edit-refused", f"What you changed does not fit: {why.partition(chr(10))[0]}"))
    return before


def _key(call: ToolCall) -> str:
    return f"{call.name} {json.dumps(dict(call.arguments), sort_keys=True, default=str)}"


def _refused(call: ToolCall, reason: str, tell: Tell) -> ToolReturned:
    """Tell that a call was not even considered."""
    tell(ToolDecided(call, allowed=False, by="ollm", reason=reason))
    return ToolReturned(call, reason, failed=True)


def _result(task: asyncio.Future[ToolReturned], call: ToolCall) -> ToolReturned:
    """Return a call's result; a tool that cancelled itself has failed.

    :raises PluginError: in strict mode, the tool failed
    """
    if task.cancelled():
        return ToolReturned(call, f"The tool {call.name!r} was cancelled from within.", failed=True)
    return task.result()
