"""What does the command `model info` do?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ollm.api import CommandContext, Completes, Json, ModelKnowledge, OllmError, TokenCounter, replace
from ollm_plugins.models.facts import Fact, Knowledge
from ollm_plugins.models.finding import called, management, told_offline

if TYPE_CHECKING:
    from ollm.api import ListedModel


def info(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="As in `model list`."), Completes("model")],
    *,
    provider: Annotated[str | None, typer.Option("--provider", help="Ask this provider only.", metavar="NAME")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show template and licence whole.")] = False,
    as_json: Json = False,
) -> None:
    """Tell everything known about one model, and for each fact how it is known."""
    known = ctx.run(_gather(ctx, name, provider))
    facts = known.facts()
    if as_json:
        ctx.out.document(_document(known, facts))
        return
    present = [each for each in facts if each.text]
    ctx.out.table(
        ("fact", "value", "from"), [(each.label, _line(each, verbose=verbose), each.origin) for each in present]
    )
    for fact in present if verbose else ():
        if fact.is_long:
            ctx.out.print(f"\n{fact.label}:\n{fact.text.rstrip()}")
    if known.shown.source.offline:
        ctx.out.say(f"ollm: {told_offline(known.shown.source)}")


async def _gather(ctx: CommandContext, name: str, provider: str | None) -> Knowledge:
    """Ask everybody who knows something.

    :raises ModelNotFound: there is no such model
    """
    shown, listed = await asyncio.gather(management(ctx).show_model(name, provider), _listed(ctx, name, provider))
    mine = next((each for each in listed if each.provider == shown.provider), None)
    if mine is not None:
        more = {key: getattr(shown.info, key) or getattr(mine.info, key) for key in ("size", "digest", "modified")}
        shown = replace(shown, info=replace(shown.info, **more))
    knowledge = ctx.app.services.find(ModelKnowledge)
    counter = ctx.app.services.find(TokenCounter)
    return Knowledge(
        shown,
        mine.loaded if mine else None,
        knowledge.look_up(shown.info.name, shown.provider, shown.info) if knowledge else None,
        counter.accuracy(shown.info.name, shown.provider) if counter else None,
    )


async def _listed(ctx: CommandContext, name: str, provider: str | None) -> list[ListedModel]:
    """Return the model's entries in the lists, which know its size and whether it is loaded."""
    try:
        return called(await management(ctx).list_models(provider), name)
    except OllmError:  # asking for the model itself tells what is wrong
        return []


def _line(fact: Fact, *, verbose: bool) -> str:
    return "below" if verbose and fact.is_long else fact.line


def _document(known: Knowledge, facts: list[Fact]) -> dict[str, Any]:
    source = known.shown.source
    unknown: dict[str, Any] = {"maxOutputTokens": None, "profiles": [], "tokenEstimate": None}
    return {
        **unknown,
        **{fact.key: fact.value for fact in facts},
        "asOf": source.as_of,
        "offline": source.offline or None,
        "sources": {fact.key: {"source": fact.source, "origin": fact.origin} for fact in facts},
    }
