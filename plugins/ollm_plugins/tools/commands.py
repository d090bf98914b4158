"""What do `tools list` and `tools show` show?"""

from __future__ import annotations

import inspect
import json
from typing import Annotated, Any

import typer
from msgspec import Struct

from ollm.api import (
    FITTING,
    ChatRequest,
    CommandContext,
    Completes,
    CompletionContext,
    ContributedTools,
    Json,
    Notice,
    OllmError,
    Owned,
    RequestAdjuster,
    Tool,
    ToolSpec,
    TurnContext,
    UsageError,
    nearest,
    replace,
)
from ollm_plugins.tools.offering import Offering, known


class Offer(Struct, frozen=True):
    """Whether a tool is offered now.

    :param in_conversations: at the terminal
    :param in_scripts: with `ollm -p`
    :param why_not: said of what it is not offered in; empty if it is offered in both
    """

    name: str
    risk: str
    plugin: str
    description: str
    in_conversations: bool
    in_scripts: bool
    why_not: str


async def list_all(ctx: CommandContext, *, as_json: Json = False) -> None:
    """List the tools, with what each can do and whether the present model is offered it."""
    provider, model = await _answerer(ctx)
    offers = await _offers(ctx, provider, model)
    if as_json:
        ctx.out.document({"provider": provider or None, "model": model or None, "tools": offers})
        return
    if not offers:
        ctx.out.print("No plugin hands in a tool.")
        return
    rows = [(each.name, each.risk, each.plugin, _said(each), _why(ctx, each)) for each in offers]
    ctx.out.table(("tool", "risk", "plugin", "offered", "why not"), rows)


def show(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="The tool.", metavar="NAME"), Completes("tool")],
    *,
    as_json: Json = False,
) -> None:
    """Show what a model is told of a tool."""
    owned, spec = _found(ctx, name)
    if as_json:
        ctx.out.document({**_told(owned), "parameters": spec.parameters})
        return
    for key, value in _told(owned).items():
        ctx.out.print(f"{key}: {value}")
    ctx.out.print(json.dumps(spec.parameters, indent=2, ensure_ascii=False))


def complete(ctx: CompletionContext) -> list[tuple[str, str]]:
    """Complete the name of a tool."""
    found = ctx.host.services.find(ContributedTools)
    tools = [owned.item for owned in found.tools()] if found else []
    return [(tool.name, tool.description.partition("\n")[0]) for tool in tools if tool.name.startswith(ctx.typed)]


def _told(owned: Owned[Tool]) -> dict[str, Any]:
    tool = owned.item
    return {"name": tool.name, "risk": tool.risk, "plugin": owned.record.name, "description": tool.description}


def _found(ctx: CommandContext, name: str) -> tuple[Owned[Tool], ToolSpec]:
    """:raises UsageError: there is no such tool, or it cannot be described"""
    owned = {each.item.name: each for each in ctx.app.hub.tools()}
    spec = next((each for each in ctx.app.hub.tool_specs() if each.name == name), None)
    if spec is None:
        raise UsageError(f"There is no tool '{name}'{nearest(name, list(owned))}", "`ollm tools list` lists them.")
    return owned[name], spec


async def _answerer(ctx: CommandContext) -> tuple[str, str]:
    """Return who would answer now; nobody, if that cannot be said."""
    conversation = ctx.conversation or ctx.app.conversation()
    try:
        found = await conversation.answerer()
    except OllmError as error:
        ctx.app.context.notify(Notice("nobody-answers", f"Nobody would answer now: {error}"))
        return "", ""
    return found.entry.item.name, found.model


def _said(offer: Offer) -> str:
    if offer.in_conversations:
        return "yes" if offer.in_scripts else "in conversations"
    return "in scripts" if offer.in_scripts else "no"


def _why(ctx: CommandContext, offer: Offer) -> str:
    """Return what people read; in a conversation, scripts do not matter."""
    return "" if offer.in_conversations and ctx.surface == "repl" else offer.why_not


async def _offers(ctx: CommandContext, provider: str, model: str) -> list[Offer]:
    """Decide on each tool, as a turn would."""
    offering = known(ctx.app.context.services)
    offering.say_unknown()
    await offering.learn(model, provider)
    taken = await _taken_by_others(ctx, provider, model)
    made = []
    for owned in ctx.app.hub.tools():
        tool, record = owned.item, owned.record
        other = taken.get(tool.name, "")
        there, away = (
            _why_not(offering, tool.name, (model, provider), attended=attended) or other for attended in (True, False)
        )
        told = tool.description.partition("\n")[0]
        made.append(Offer(tool.name, tool.risk, record.name, told, not there, not away, there or away))
    return sorted(made, key=lambda each: each.name)


def _why_not(offering: Offering, name: str, who: tuple[str, str], *, attended: bool) -> str:
    """Say why a tool is not offered, with or without somebody at the terminal."""
    why = offering.why_not(name, *who, attended=attended)
    if why or not who[0] or offering.calls(*who) or offering.covers(*who):
        return why
    return f"{who[0]} is not known to call tools"


async def _taken_by_others(ctx: CommandContext, provider: str, model: str) -> dict[str, str]:
    """Ask the other plugins which tools they leave out of a request; what they say beside it is not shown."""
    hub = ctx.app.hub
    request = ChatRequest(model, (), tuple(hub.tool_specs()))
    turn = TurnContext(replace(ctx.app.context, notify=lambda _: None), "", provider, model, "", ())
    taken: dict[str, str] = {}
    for owned in hub.request_adjusters():
        if owned.item.order >= FITTING or owned.item.name == "tools":
            continue
        after = await _adjusted(ctx, owned, request, turn)
        gone = {tool.name for tool in request.tools} - {tool.name for tool in after.tools}
        taken |= dict.fromkeys(gone, f"the plugin '{owned.record.name}' leaves it out")
        request = after
    return taken


async def _adjusted(
    ctx: CommandContext, owned: Owned[RequestAdjuster], request: ChatRequest, turn: TurnContext
) -> ChatRequest:
    try:
        after = ctx.app.hub.use(owned, "adjust", request, turn)
        after = await after if inspect.isawaitable(after) else after
    except OllmError:  # it refuses the request, not its tools
        return request
    return after if isinstance(after, ChatRequest) else request
