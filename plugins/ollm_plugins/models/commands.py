"""What do the commands do that list models?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ollm.api import CatalogueSource, CommandContext, Json, ListedModel, ModelKnowledge, ProviderUnreachable, UsageError
from ollm_plugins.models.finding import management, told_offline
from ollm_plugins.models.wording import human, is_unfetched, memory_document, moment, processor, until

if TYPE_CHECKING:
    from ollm.api import Catalogue, KnownLimits, ModelStatus

Provider = Annotated[str | None, typer.Option("--provider", help="Ask this provider only.", metavar="NAME")]
Order = Literal["name", "size", "modified", "family", "context", "parameters"]

_NUMBERS = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


def list_models(
    ctx: CommandContext,
    search: Annotated[str | None, typer.Argument(help="A part of the name or family.", metavar="[SEARCH]")] = None,
    *,
    provider: Provider = None,
    sort: Annotated[Order, typer.Option("--sort", help="What to sort by, the least first.")] = "name",
    reverse: Annotated[bool, typer.Option("--reverse", help="Turn the order round.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Accept no former answer of a provider.")] = False,
    as_json: Json = False,
) -> None:
    """List the models of the provider that you chose; of every one that answers, if you chose none.

    A provider that is away is answered for by what it said before, which is said on stderr. The exit code is 4 if
    nobody answers and nobody ever did.
    """
    catalogue = ctx.run(management(ctx).list_models(provider))
    if refresh:
        _refuse_offline(catalogue)
    models = [_completed(ctx, each) for each in catalogue.models if _is_wanted(each, search)]
    models = _sorted(models, sort, reverse=reverse)
    sources = {each.provider: each for each in catalogue.sources}
    if as_json:
        ctx.out.document([described(each, sources.get(each.provider)) for each in models])
    else:
        _draw(ctx, models, several=len(sources) > 1)
    _tell(ctx, catalogue, models, search)


def status(
    ctx: CommandContext,
    *,
    provider: Provider = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again each second, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """List the models in memory: how much they take, who computes, and when they leave."""
    if watch:
        _watch(ctx, provider, as_json=as_json)
        return
    found = ctx.run(management(ctx).status(provider))
    if as_json:
        ctx.out.document([{"name": e.loaded.name, "provider": e.provider, **memory_document(e.loaded)} for e in found])
        return
    if found or not ctx.out.is_terminal:  # nobody wants to see a heading of nothing
        ctx.out.table(*_memory_table(found), SPARE_IN_MEMORY)
    if not found:
        ctx.out.say("ollm: No model is in memory.")


def described(model: ListedModel, source: CatalogueSource | None) -> dict[str, Any]:
    """Describe a listed model for programs."""
    info = model.info
    document: dict[str, Any] = {
        "name": info.name,
        "provider": model.provider,
        "size": info.size,
        "digest": info.digest,
        "modified": info.modified,
        "family": info.family,
        "parameters": info.parameters,
        "quantization": info.quantization,
        "contextWindow": info.context_window,
        "capabilities": info.capabilities,
        "loaded": None if model.loaded is None else memory_document(model.loaded),
        "asOf": source.as_of if source else None,
        "offline": source.offline or None if source else None,
    }
    if is_unfetched(info):
        document["fetched"] = False
    return document


def _refuse_offline(catalogue: Catalogue) -> None:
    """:raises ProviderUnreachable: a provider is answered for by what it said before."""
    for source in catalogue.sources:
        if source.offline and source.as_of:
            raise ProviderUnreachable(source.offline, source.remedy)


def _is_wanted(model: ListedModel, search: str | None) -> bool:
    wanted = (search or "").lower()
    return wanted in model.info.name.lower() or wanted in model.info.family.lower()


def _completed(ctx: CommandContext, model: ListedModel) -> ListedModel:
    """Fill in what the provider leaves out: servers before 0.30 list no context window and no capabilities."""
    from ollm.api import replace

    info = model.info
    if info.context_window is not None and info.capabilities:
        return model
    knowledge = ctx.app.services.find(ModelKnowledge)
    known = knowledge.look_up(info.name, model.provider, info) if knowledge else None
    if known is None or not known.known:
        return model
    window = None if known.source == "default" else known.context_window
    info = replace(
        info,
        context_window=info.context_window or window,
        capabilities=info.capabilities or _abilities(known),
        family=info.family or known.family,
    )
    return replace(model, info=info)


def _abilities(known: KnownLimits) -> tuple[str, ...]:
    """Return what a model is known to do, in Ollama's words; nothing if that is only a safe guess."""
    can, words = known.capabilities, ("tools", "vision", "thinking", "embedding")
    if all(known.sources.get(word, "default") == "default" for word in words):
        return ()
    chats = () if can.embedding else ("completion",)
    return (*chats, *(word for word in words if getattr(can, word)))


def _sorted(models: list[ListedModel], order: Order, *, reverse: bool) -> list[ListedModel]:
    """Sort models; those of which the wanted fact is unknown stay at the end, whichever way round."""
    keys: dict[Order, Callable[[ListedModel], Any]] = {
        "name": lambda model: model.info.name.lower(),
        "size": lambda model: model.info.size,
        "modified": lambda model: moment(model.info.modified),
        "family": lambda model: model.info.family.lower() or None,
        "context": lambda model: model.info.context_window,
        "parameters": lambda model: number_of(model.info.parameters),
    }
    key = keys[order]
    by_name = sorted(models, key=lambda model: (model.info.name, model.provider))
    known = [model for model in by_name if key(model) is not None]
    unknown = [model for model in by_name if key(model) is None]
    return [*sorted(known, key=key, reverse=reverse), *unknown]


def number_of(parameters: str) -> float | None:
    """Read a number of parameters such as "134.52M"; None if it is none."""
    text = parameters.strip().upper()
    try:
        return float(text.rstrip("KMBT")) * _NUMBERS.get(text[-1:], 1.0)
    except ValueError:
        return None


SPARE = ("modified", "family", "parameters", "quantization", "loaded", "capabilities", "provider")
"""Columns that a narrow terminal leaves out, the least telling first."""

SPARE_IN_MEMORY = ("provider", "context", "processor", "memory")
"""The same of the models in memory."""


def _draw(ctx: CommandContext, models: list[ListedModel], *, several: bool) -> None:
    columns = ["name", "size", "family", "parameters", "quantization", "context", "capabilities", "modified", "loaded"]
    rows = [_row(each) for each in models]
    if several:
        columns.insert(1, "provider")
        for row, model in zip(rows, models, strict=True):
            row.insert(1, model.provider)
    if rows or not ctx.out.is_terminal:
        ctx.out.table(columns, rows, SPARE)


def _row(model: ListedModel) -> list[object]:
    info = model.info
    return [
        info.name,
        "not fetched" if is_unfetched(info) else "" if info.size is None else human(info.size),
        info.family,
        info.parameters,
        info.quantization,
        info.context_window,
        ", ".join(info.capabilities),
        info.modified[:10],
        "" if model.loaded is None else "yes",
    ]


def _tell(ctx: CommandContext, catalogue: Catalogue, models: list[ListedModel], search: str | None) -> None:
    """Say who is away, of what is listed why it cannot be used, and if nothing is."""
    for source in catalogue.sources:
        if source.offline:
            ctx.out.say(f"ollm: {told_offline(source)}")
    if not models:
        ctx.out.say(f"ollm: No model matches '{search}'." if search else "ollm: There are no models yet.")
    for model in models:
        problem = model.info.details.get("problem")
        if problem:
            ctx.out.say(f"ollm: Model '{model.info.name}' of provider '{model.provider}' cannot be used: {problem}.")


def _memory_table(found: Sequence[ModelStatus]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    return ("name", "provider", "memory", "processor", "context", "until"), [_memory_row(each) for each in found]


def _memory_row(found: ModelStatus) -> tuple[object, ...]:
    loaded = found.loaded
    return loaded.name, found.provider, human(loaded.size), processor(loaded), loaded.context_size, until(loaded)


def _watch(ctx: CommandContext, provider: str | None, *, as_json: bool) -> None:
    """Draw the models in memory anew each second; Ctrl-C is how it is meant to end.

    :raises UsageError: nobody is watching
    """
    if as_json or not ctx.out.is_terminal:
        raise UsageError("--watch draws on a terminal, not in a pipe or as JSON", "Leave it out.")

    async def follow() -> None:
        import asyncio

        with ctx.out.changing_table(SPARE_IN_MEMORY) as draw:
            while True:
                draw(*_memory_table(await management(ctx).status(provider)))
                await asyncio.sleep(1)

    try:
        ctx.run(follow())
    except KeyboardInterrupt:
        ctx.out.print()
