"""What do `model keep` and `model unload` do?"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated, Any, Final

import typer

from ollm.api import (
    CommandContext,
    Completes,
    Json,
    LoadedModel,
    LoadRequest,
    Notice,
    OllmError,
    Owned,
    ProviderAccess,
    ProviderEntry,
    UsageError,
    tagged,
)
from ollm_plugins.keepalive import memory
from ollm_plugins.keepalive.durations import FOREVER, FORM, exact, seconds
from ollm_plugins.keepalive.keeper import PORTION, Keeper, Kept, keeper_of
from ollm_plugins.keepalive.waiting import waiting

Where = Annotated[str | None, typer.Option("--provider", help="Whose model is meant.", metavar="NAME")]

LEAVING: Final = 3.0
"""Seconds that a server takes at most to unload a model that does not answer just now."""

_AGAIN: Final = 0.1


async def keep(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="The model.", metavar="NAME"), Completes("model")],
    *,
    duration: Annotated[str | None, typer.Option("--for", help=f"How long: {FORM}.", metavar="TIME")] = None,
    provider: Where = None,
    as_json: Json = False,
) -> None:
    """Keep a model in memory; it is loaded first if need be.

    Without --for it stays as long as this conversation lives; a command in the shell keeps it for the time of
    model.keepAlive.timeout. Longer times hold although you chat with the model meanwhile.
    """
    keeper, access = keeper_of(ctx.app.context), memory.access_of(ctx.app.context)
    lasting = _lasting(keeper, name, duration)
    owned = await memory.holder(access, name, provider)
    await keeper.begin("command", owned.item.name, name)
    try:
        found = await _put(ctx, owned, name, lasting)
        kept = _note(ctx, keeper, Kept(owned.item.name, name), None if duration is None else lasting)
    finally:
        keeper.end("command")
    _tell_kept(ctx, owned.item, found, lasting, kept=kept, as_json=as_json)


async def unload(
    ctx: CommandContext,
    name: Annotated[str | None, typer.Argument(help="The model.", metavar="[NAME]"), Completes("model")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every model in memory.")] = False,
    provider: Where = None,
    as_json: Json = False,
) -> None:
    """Take a model out of memory, or all of them; what answers just now ends its answer first."""
    if (name is None) != everything:
        raise UsageError("Give either the name of a model or --all", "`ollm model status` lists those in memory.")
    keeper, access = keeper_of(ctx.app.context), memory.access_of(ctx.app.context)
    found = await _in_memory(ctx, access, provider)
    if name is not None:
        found = [each for each in found if tagged(each[1].name) == tagged(name)]
    if name is not None and not found:
        owned = await memory.holder(access, name, provider)
        await access.ask(owned, lambda made: made.show_model(name), memory.PATIENCE)
        keeper.drop(owned.item.name, name)
    rows = [await _take_out(ctx, owned, model) for owned, model in found]
    if as_json:
        ctx.out.document(rows)
        return
    for row in rows:
        after = "" if row["unloaded"] else "; it ends the answer that it gives just now first"
        ctx.out.print(f"{row['name']} is taken out of memory{after}")
    if not rows:
        ctx.out.print(f"{name} is not in memory" if name else "No model is in memory")


def _lasting(keeper: Keeper, name: str, duration: str | None) -> int:
    """Return for how long to keep a model, in seconds or `FOREVER`.

    :raises UsageError: what the user wrote is no duration, or none at all
    """
    if duration is None:
        return keeper.timeout_of(name) or PORTION
    lasting = seconds(duration)
    if lasting == 0:
        raise UsageError("A model cannot be kept for no time", f"`ollm model unload {name}` takes it out of memory.")
    return lasting


async def _put(ctx: CommandContext, owned: Owned[ProviderEntry], name: str, lasting: int) -> LoadedModel:
    """Have a model in memory for so long, and return how it is there."""
    access, key = memory.access_of(ctx.app.context), tagged(name)
    before = [each for each in await memory.look(access, owned) if tagged(each.name) == key]
    context = before[0].context_size if before else await memory.context_for(ctx.app.context, name, owned.item.name)
    async with waiting(ctx.out, f"loading {name}…"):
        await memory.load(access, owned, LoadRequest(name, lasting, context))
    models = await memory.look(access, owned)
    keeper = keeper_of(ctx.app.context)
    keeper.see(owned.item.name, memory.seen(owned.item.name, models))
    found = [each for each in models if tagged(each.name) == key]
    if not found:
        raise OllmError(f"{name} was loaded, but did not stay in memory", "Another model may have taken its place.")
    return found[0]


def _note(ctx: CommandContext, keeper: Keeper, kept: Kept, asked: int | None) -> bool:
    """Remember what was asked for; whether the model is kept while this program lives.

    :param asked: for how many seconds, `FOREVER`, or None if no time was given
    """
    if ctx.surface == "shell":
        if asked is not None:
            keeper.promise(kept.provider, kept.name, asked)
        return False
    if not keeper.settings.enabled:
        text = "The time is set now and not renewed, since model.keepAlive.enabled is false."
        ctx.out.notify(Notice("keep-alive-disabled", text))
        return False
    kept.there, kept.sent_at = True, time.monotonic()
    kept.forever = asked == FOREVER
    if asked is not None and not kept.forever:
        kept.until = time.monotonic() + asked
    keeper.keep(kept)
    return kept.until is None


def _tell_kept(
    ctx: CommandContext, entry: ProviderEntry, model: LoadedModel, lasting: int, *, kept: bool, as_json: bool
) -> None:
    timed, ends = memory.wall_time(model.expires), ctx.surface == "shell" and not entry.address
    if ends:  # whoever is at no address is in this process
        text = f"Provider '{entry.name}' has its models in this program, so {model.name} leaves memory when it ends."
        ctx.out.notify(Notice("keep-alive-ends", text))
    elif timed is None and lasting != FOREVER and not kept:
        text = f"Provider '{entry.name}' holds a model until it is unloaded or the program ends; the time is ignored."
        ctx.out.notify(Notice("keep-alive-ignored", text))
    if as_json:
        ctx.out.document(_described(entry.name, model, lasting, kept=kept))
    elif kept:
        ctx.out.print(f"{model.name} stays in memory as long as this program lives")
    elif ends:
        ctx.out.print(f"{model.name} was loaded")
    elif timed is None:
        ctx.out.print(f"{model.name} stays in memory until it is unloaded")
    else:
        at = datetime.fromtimestamp(timed).astimezone()
        ctx.out.print(f"{model.name} stays in memory for {exact(lasting)}, until {at:%H:%M:%S}")


def _described(provider: str, model: LoadedModel, lasting: int, *, kept: bool) -> dict[str, Any]:
    return {
        "name": model.name,
        "provider": provider,
        "keepAlive": lasting,
        "expires": model.expires or None,
        "contextSize": model.context_size,
        "whileProgramLives": kept,
    }


async def _in_memory(
    ctx: CommandContext, access: ProviderAccess, provider: str | None
) -> list[tuple[Owned[ProviderEntry], LoadedModel]]:
    """List what is in memory, of one provider or of all that answer.

    :raises OllmError: nobody answers
    """
    only = provider if provider is not None else access.chosen()
    entries = access.entries() if only is None else [access.entry(only)]
    asked = [owned for owned in entries if memory.holds_models(access, owned)]
    if not asked:
        raise UsageError("No such provider holds models in memory", "`ollm provider list` lists all.")
    found: list[tuple[Owned[ProviderEntry], LoadedModel]] = []
    refusals: list[OllmError] = []
    for owned in asked:
        try:
            found += [(owned, model) for model in await memory.look(access, owned)]
        except OllmError as error:
            refusals.append(error)
    if len(refusals) == len(asked):
        raise refusals[0]
    for refusal in refusals:
        ctx.out.say(f"ollm: {refusal}")
    return found


async def _take_out(ctx: CommandContext, owned: Owned[ProviderEntry], model: LoadedModel) -> dict[str, Any]:
    """Unload one model, and see whether it has gone."""
    keeper, access = keeper_of(ctx.app.context), memory.access_of(ctx.app.context)
    keeper.drop(owned.item.name, model.name)
    await keeper.begin("command", owned.item.name, model.name)
    try:
        await memory.unload(access, owned, model.name)
        gone = await _gone(access, owned, model.name)
    finally:
        keeper.end("command")
    return {"name": model.name, "provider": owned.item.name, "unloaded": gone}


async def _gone(access: ProviderAccess, owned: Owned[ProviderEntry], name: str) -> bool:
    """Whether a model leaves memory at once."""
    until = time.monotonic() + LEAVING
    while any(tagged(each.name) == tagged(name) for each in await memory.look(access, owned)):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_AGAIN)
    return True
