"""What does the command `limits` do?"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ollm.api import (
    CommandContext,
    Completes,
    Json,
    KnownLimits,
    ModelInfo,
    ModelManagement,
    OllmError,
    UsageError,
    camel,
    to_document,
)
from ollm_plugins.limits.knowledge import create
from ollm_plugins.limits.lookup import ABILITIES

ProviderName = Annotated[
    str | None, typer.Option("--provider", help="Ask this provider only; see `provider list`.", metavar="NAME")
]

_HOW: Final = {
    "user": "your settings",
    "server": "the server",
    "plugin": "a plugin",
    "tag": "the database",
    "line": "the database, by its model line",
    "pattern": "the database, for the family",
    "default": "nobody; a safe guess",
}


def show(
    ctx: CommandContext,
    names: Annotated[
        list[str] | None, typer.Argument(help="Models, as you or a server write them."), Completes("model")
    ] = None,
    *,
    live: Annotated[bool, typer.Option("--live", help="Ask the server, too.")] = False,
    provider: ProviderName = None,
    as_json: Json = False,
) -> None:
    """Tell what models can do, and how that is known; works without a server."""
    if not names:
        raise UsageError("Name at least one model", "For example `ollm limits llama3.1:8b`.")
    if provider is not None:
        ctx.app.providers.entry(provider)
    knowledge = create(ctx.app.context)
    asks = live or provider is not None
    found = [knowledge.look_up(name, provider or "", _live(ctx, name, provider) if asks else None) for name in names]
    if as_json:
        ctx.out.document([document(each) for each in found])
        return
    for each in found:
        _print(ctx, each)


def document(limits: KnownLimits) -> dict[str, object]:
    """Return what is known of a model as JSON can hold it."""
    return {
        "name": limits.name,
        "known": limits.known,
        "contextWindow": limits.context_window,
        "maxOutputTokens": limits.max_output_tokens,
        "capabilities": to_document(limits.capabilities),
        "family": limits.family,
        "profiles": limits.profiles,
        "source": limits.source,
        "sources": {camel(fact): source for fact, source in limits.sources.items()},
        "matched": limits.matched,
    }


def _live(ctx: CommandContext, name: str, provider: str | None) -> ModelInfo | None:
    """Ask for a model's details; None when nobody gives them, which is said."""
    management = ctx.app.services.find(ModelManagement)
    if management is None:
        ctx.out.say("ollm: No plugin manages models, so no server was asked.")
        return None
    try:
        shown = ctx.run(management.show_model(name, provider))
    except OllmError as error:
        ctx.out.say(f"ollm: Without the server: {error}")
        return None
    if shown.source.offline:
        ctx.out.say(f"ollm: {shown.provider} said so on {shown.source.as_of}; now: {shown.source.offline}")
    return shown.info


def _print(ctx: CommandContext, limits: KnownLimits) -> None:
    """Print one model's facts, each with where it comes from."""
    if not limits.known:
        ctx.out.say(f"ollm: Nobody knows {limits.name}, so it is treated with care.")
    sources = limits.sources
    output = limits.max_output_tokens
    rows = [
        ("context window", f"{limits.context_window:,} tokens", sources["context_window"]),
        ("longest answer", f"{output:,} tokens" if output else "as the context allows", sources["max_output_tokens"]),
        *((each, "yes" if getattr(limits.capabilities, each) else "no", sources[each]) for each in ABILITIES),
        ("family", limits.family or "-", sources["family"]),
        ("profiles", ", ".join(limits.profiles) or "-", sources["profiles"]),
    ]
    ctx.out.print(f"{limits.name} ({limits.matched})" if limits.matched not in ("", limits.name) else limits.name)
    ctx.out.table(("fact", "value", "known from"), [(fact, value, _HOW[source]) for fact, value, source in rows])
