"""How is a tool call carried out safely?

The model's wish is checked three times: the tool must exist, the arguments must fit, and somebody must have
approved of anything that carries a risk. What goes wrong is told to the model as the tool's result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from ollm.contexts import ToolContext, TurnContext
from ollm.contributions import Tool, resolve
from ollm.errors import OllmError
from ollm.hub import label
from ollm.messages import Notice, ToolCall, ToolReturned, ToolSpec

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned


class Decision(Struct, frozen=True):
    """Whether a tool may run; `reason` is told to the model when it may not."""

    allowed: bool
    reason: str = ""


class ToolApprover(Protocol):
    """Decides on tool calls. Without a plugin that provides this service, nothing risky runs."""

    async def decide(self, tool: Tool, arguments: Mapping[str, Any], turn: TurnContext) -> Decision:
        """Decide on one call."""
        ...


class Toolbox:
    """The tools of one turn."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._tools: dict[str, Owned[Tool]] = {owned.item.name: owned for owned in hub.tools()}

    def specs(self) -> tuple[ToolSpec, ...]:
        """Say what the model is told of the tools; one whose parameters cannot be described is left out."""
        described = []
        for owned in self._tools.values():
            schema = self._hub.host.guard(owned.record, label(owned.item), partial(_schema, owned.item))
            if schema is not None:
                described.append(ToolSpec(owned.item.name, owned.item.description, schema))
        return tuple(described)

    async def run_all(self, calls: Sequence[ToolCall], turn: TurnContext) -> list[ToolReturned]:
        """Run the calls of one answer side by side; the results are in the order of the calls."""
        import asyncio

        return list(await asyncio.gather(*(self.run(call, turn) for call in calls)))

    async def run(self, call: ToolCall, turn: TurnContext) -> ToolReturned:
        """Run one call; whatever goes wrong becomes the result that the model reads."""
        owned = self._tools.get(call.name)
        if owned is None:
            known = ", ".join(sorted(self._tools)) or "none"
            return ToolReturned(call, f"There is no tool {call.name!r}. Tools: {known}.", failed=True)
        try:
            arguments = _validated(owned.item, call.arguments)
        except ValueError as error:
            return ToolReturned(call, f"The arguments do not fit: {error}", failed=True)
        except Exception as error:
            return self._failed(owned, call, error)
        decision = await self._decide(owned.item, call, turn)
        if not decision.allowed:
            return ToolReturned(call, decision.reason, failed=True)
        return await self._carry_out(owned, call, arguments, turn)

    async def _decide(self, tool: Tool, call: ToolCall, turn: TurnContext) -> Decision:
        if tool.risk == "none":
            return Decision(allowed=True)
        approver = turn.host.services.find(ToolApprover)
        if approver is None:
            return Decision(False, f"The tool {tool.name!r} was not run: no plugin is installed that can approve it.")
        try:
            return await approver.decide(tool, call.arguments, turn)
        except Exception as error:  # whoever cannot be asked has not agreed
            reason = f"asking for approval failed ({type(error).__name__}: {error})"
            turn.host.notify(Notice("approval-failed", f"The tool {tool.name!r} was not run: {reason}."))
            return Decision(allowed=False, reason=f"The tool was not run: {reason}.")

    async def _carry_out(self, owned: Owned[Tool], call: ToolCall, arguments: Any, turn: TurnContext) -> ToolReturned:
        try:
            content = await resolve(owned.item.run)(ToolContext(turn, call.id), arguments)
            return ToolReturned(call, str(content))
        except OllmError as error:
            return ToolReturned(call, str(error), failed=True)
        except Exception as error:
            return self._failed(owned, call, error)

    def _failed(self, owned: Owned[Tool], call: ToolCall, error: Exception) -> ToolReturned:
        """A plugin's failure is the plugin's: ledger, model and user are told."""
        self._hub.host.blame_error(owned.record, label(owned.item), error)
        return ToolReturned(call, f"The tool failed: {type(error).__name__}: {error}", failed=True)


def _schema(tool: Tool) -> Mapping[str, Any]:
    """Return a schema that a server will take.

    :raises TypeError: it is no JSON, or does not describe an object
    """
    if isinstance(tool.parameters, Mapping):
        json.dumps(tool.parameters)
        return tool.parameters
    from pydantic import TypeAdapter

    schema = TypeAdapter(resolve(tool.parameters)).json_schema()
    if schema.get("type") != "object":
        raise TypeError(f"its parameters are a JSON {schema.get('type')}, not an object")
    return schema


def _validated(tool: Tool, arguments: Mapping[str, Any]) -> Any:
    """Bring a model's arguments into the tool's type.

    :raises ValueError: they do not fit; pydantic's error is one
    """
    if isinstance(tool.parameters, Mapping):
        return arguments
    from pydantic import TypeAdapter

    return TypeAdapter(resolve(tool.parameters)).validate_python(dict(arguments))
