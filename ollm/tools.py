"""How is a tool call carried out safely?

The model's wish is checked first: the tool must have been offered, the arguments must fit, and somebody must have
approved of anything that carries a risk. What goes wrong is told to the model as the tool's result.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from ollm.awaiting import CLOSING, awaited, failure
from ollm.contexts import ToolContext, TurnContext
from ollm.contribution import resolve
from ollm.contributions import Tool
from ollm.errors import OllmError, PluginError
from ollm.hub import label
from ollm.messages import Notice, ToolCall, ToolReturned, ToolSpec

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned


class ApprovalRequest(Struct, frozen=True):
    """A tool call that somebody is to decide on.

    :param arguments: as they would be given to the tool
    """

    tool: Tool
    call: ToolCall
    arguments: Any
    turn: TurnContext


class Decision(Struct, frozen=True):
    """Whether a tool may run; `reason` is told to the model when it may not."""

    allowed: bool
    reason: str = ""


class ToolApprover(Protocol):
    """Decides on tool calls, one at a time. Without a plugin that provides this service, nothing risky runs."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Decide on one call."""
        ...


class Toolbox:
    """The tools of one turn."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._adapters: dict[str, Any] = {}
        self._tools = {owned.item.name: owned for owned in hub.tools()}
        self._asking = asyncio.Lock()
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
        self, calls: Sequence[ToolCall], turn: TurnContext, offered: Collection[str], finished: dict[int, ToolReturned]
    ) -> AsyncGenerator[ToolReturned, None]:
        """Run the calls of one answer side by side and yield each result as it comes.

        :param offered: names of the tools that the model was told of
        :param finished: gets the results by the number of their call, also of those that are not yielded any more
        """
        running = {asyncio.ensure_future(self.run(call, turn, offered)): number for number, call in enumerate(calls)}
        try:
            while running:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    number = running.pop(task)
                    finished[number] = _result(task, calls[number])
                    yield finished[number]
        finally:
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=CLOSING)
            for task, number in running.items():
                if task.done() and not task.cancelled() and task.exception() is None:
                    finished[number] = task.result()

    async def run(self, call: ToolCall, turn: TurnContext, offered: Collection[str]) -> ToolReturned:
        """Run one call; whatever goes wrong becomes the result that the model reads."""
        owned = self._tools.get(call.name)
        if owned is None or call.name not in offered:
            known = ", ".join(sorted(offered)) or "none"
            return ToolReturned(call, f"There is no tool {call.name!r}. Tools: {known}.", failed=True)
        try:
            arguments = self._validated(owned.item, call.arguments)
        except ValueError as error:
            return ToolReturned(call, f"The arguments do not fit: {error}", failed=True)
        except Exception as error:
            return self._failed(call, failure(self._hub, owned, error))
        decision = await self._decide(ApprovalRequest(owned.item, call, arguments, turn))
        if not decision.allowed:
            return ToolReturned(call, decision.reason, failed=True)
        return await self._carry_out(owned, call, arguments, turn)

    async def _decide(self, request: ApprovalRequest) -> Decision:
        """Ask for approval; whoever cannot be asked has not agreed."""
        name = request.tool.name
        if request.tool.risk == "none":
            return Decision(allowed=True)
        approver = request.turn.host.services.find(ToolApprover)
        if approver is None:
            return Decision(False, f"The tool {name!r} was not run: no plugin is installed that can approve it.")
        try:
            async with self._asking:
                decision = await approver.decide(request)
            if isinstance(decision, Decision):
                return decision
            error: BaseException = TypeError(f"it returned a {type(decision).__name__}")
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = cancelled
        except (Exception, KeyboardInterrupt, SystemExit) as raised:
            error = raised
        reason = f"asking for approval failed ({type(error).__name__}: {error})"
        request.turn.host.notify(Notice("approval-failed", f"The tool {name!r} was not run: {reason}."))
        return Decision(allowed=False, reason=f"The tool was not run: {reason}.")

    async def _carry_out(self, owned: Owned[Tool], call: ToolCall, arguments: Any, turn: TurnContext) -> ToolReturned:
        async def work() -> str:
            return str(await resolve(owned.item.run)(ToolContext(turn, call), arguments))

        try:
            return ToolReturned(call, await awaited(self._hub, owned, work()))
        except PluginError as error:
            return self._failed(call, error)
        except OllmError as error:
            return ToolReturned(call, str(error), failed=True)

    def _failed(self, call: ToolCall, error: PluginError) -> ToolReturned:
        """Tell the model; the plugin's author finds more in the ledger.

        :raises PluginError: in strict mode
        """
        if self._hub.host.strict:
            raise error
        return ToolReturned(call, f"{error.problem}.", failed=True)

    def _validated(self, tool: Tool, arguments: Mapping[str, Any]) -> Any:
        """Bring a model's arguments into the tool's type.

        :raises ValueError: they do not fit; pydantic's error is one
        """
        adapter = self._adapters.get(tool.name)
        return arguments if adapter is None else adapter.validate_python(dict(arguments))


def _result(task: asyncio.Future[ToolReturned], call: ToolCall) -> ToolReturned:
    """Return a call's result; a tool that cancelled itself has failed.

    :raises PluginError: in strict mode, the tool failed
    """
    if task.cancelled():
        return ToolReturned(call, f"The tool {call.name!r} was cancelled from within.", failed=True)
    return task.result()
