"""Who decides whether a tool may run?

A plugin that provides `ToolApprover`; without one, nothing that carries a risk runs. What a tool says of itself
beforehand, and how an approver fails, is dealt with here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from ollm.awaiting import awaited
from ollm.contexts import ToolContext, TurnContext
from ollm.contribution import resolve
from ollm.contributions import Tool, ToolPreview
from ollm.errors import OllmError, PluginError
from ollm.messages import Notice, ToolCall

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned


class ApprovalRequest(Struct, frozen=True):
    """A tool call that somebody is to decide on.

    :param arguments: as they would be given to the tool
    :param preview: what it would do; None when the tool does not say
    """

    tool: Tool
    call: ToolCall
    arguments: Any
    turn: TurnContext
    preview: ToolPreview | None = None


class Decision(Struct, frozen=True):
    """Whether a tool may run.

    :param reason: told to the model when it may not; else what allows it, for the record
    :param by: who or what decided, e.g. "user", "rule", "mode"
    :param arguments: what the user has made of the model's arguments; the call is then looked at anew
    """

    allowed: bool
    reason: str = ""
    by: str = ""
    arguments: Mapping[str, Any] | None = None


class ToolApprover(Protocol):
    """Decides on tool calls, one at a time. Without a plugin that provides this service, nothing risky runs."""

    async def decide(self, request: ApprovalRequest) -> Decision:
        """Decide on one call."""
        ...


class Approval:
    """Asks about the calls of one turn."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def decide(self, owned: Owned[Tool], wish: ToolContext, arguments: Any) -> Decision:
        """Ask for approval; whoever cannot be asked has not agreed."""
        tool = owned.item
        if tool.risk == "none":
            return Decision(allowed=True, reason="it carries no risk", by="ollm")
        approver = wish.turn.host.services.find(ToolApprover)
        if approver is None:
            reason = f"The tool {tool.name!r} was not run: no plugin is installed that can approve it."
            return Decision(False, reason, by="ollm")
        try:
            preview = await self._preview(owned, wish, arguments)
        except PluginError as error:
            wish.turn.host.notify(Notice("plugin-failed", str(error)))
            return Decision(allowed=False, reason=f"{error.problem}.", by="ollm")
        except OllmError as error:
            return Decision(allowed=False, reason=str(error), by="tool")
        return await self._approved(approver, ApprovalRequest(tool, wish.call, arguments, wish.turn, preview))

    async def _approved(self, approver: ToolApprover, request: ApprovalRequest) -> Decision:
        """Let an approver decide; one that fails has not agreed."""
        error: BaseException
        try:
            decision = await approver.decide(request)
            if isinstance(decision, Decision):
                return decision
            error = TypeError(f"it returned a {type(decision).__name__}")
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = cancelled
        except (Exception, KeyboardInterrupt, SystemExit) as raised:
            error = raised
        reason = f"asking for approval failed ({type(error).__name__}: {error})"
        request.turn.host.notify(Notice("approval-failed", f"The tool {request.tool.name!r} was not run: {reason}."))
        return Decision(allowed=False, reason=f"The tool was not run: {reason}.", by="ollm")

    async def _preview(self, owned: Owned[Tool], wish: ToolContext, arguments: Any) -> ToolPreview | None:
        """Let a tool say what it would do.

        :raises OllmError: it refuses
        :raises PluginError: it failed
        """
        if owned.item.preview is None:
            return None

        async def work() -> ToolPreview:
            preview = await resolve(owned.item.preview)(wish, arguments)  # type: ignore[misc]  # it is not None
            if not isinstance(preview, ToolPreview):
                raise TypeError(f"its preview is a {type(preview).__name__}, not a ToolPreview")
            return preview

        return await awaited(self._hub, owned, work())
