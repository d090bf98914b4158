"""Does the database say what the servers say?"""

from __future__ import annotations

import typer
from msgspec import Struct

from ollm.api import CommandContext, ExitCode, Json, ModelInfo, OllmError, Owned, Provider, ProviderEntry, replace
from ollm_plugins.limits.commands import ProviderName
from ollm_plugins.limits.lookup import ABILITIES, Claim, of_database, of_server

Value = int | bool | str


class Difference(Struct, frozen=True):
    """A fact on which the database and a server differ."""

    provider: str
    model: str
    fact: str
    database: Value
    server: Value


def check(ctx: CommandContext, *, provider: ProviderName = None, as_json: Json = False) -> None:
    """Compare what the database knows with what the servers say of their models; exit code 1 if something differs."""
    models = _live_models(ctx, provider)
    compared = {(owner, info.name): of_database(info.name, info.digest) for owner, info in models}
    unknown = [f"{owner}/{name}" for (owner, name), known in compared.items() if known is None]
    found = [each for owner, info in models for each in differences(owner, info, compared[owner, info.name])]
    if as_json:
        ctx.out.document({"compared": len(models) - len(unknown), "unknown": unknown, "differences": found})
    else:
        _print(ctx, len(models) - len(unknown), unknown, found)
    if found:
        raise typer.Exit(ExitCode.FAILED)


def differences(provider: str, info: ModelInfo, known: Claim | None) -> list[Difference]:
    """List the facts on which the database differs from what a provider says; where one is silent, nothing differs."""
    if known is None:
        return []
    said = of_server(info)
    pairs: list[tuple[str, Value | None, Value | None]] = [
        ("contextWindow", known.context_window, said.context_window),
        ("family", known.family, said.family),
        *((each, known.abilities.get(each), said.abilities.get(each)) for each in ABILITIES),
    ]
    return [
        Difference(provider, info.name, fact, ours, theirs)
        for fact, ours, theirs in pairs
        if ours is not None and theirs is not None and ours != theirs
    ]


def _live_models(ctx: CommandContext, provider: str | None) -> list[tuple[str, ModelInfo]]:
    """Ask the named, the chosen or all providers for their models; who does not answer is said.

    :raises OllmError: nobody answers
    """
    providers = ctx.app.providers
    wanted = provider or providers.chosen()
    entries = [providers.entry(wanted)] if wanted else providers.entries()
    answers: list[tuple[Owned[ProviderEntry], list[ModelInfo] | OllmError]] = list(
        ctx.run(providers.ask_all(entries, _all_details))
    )
    errors = [answer for _, answer in answers if isinstance(answer, OllmError)]
    if errors and len(errors) == len(answers):
        raise errors[0]
    for error in errors:
        ctx.out.say(f"ollm: {error.problem}")
    found = [(owned.item.name, info) for owned, said in answers if not isinstance(said, OllmError) for info in said]
    return sorted(found, key=lambda pair: (pair[0], pair[1].name))


async def _all_details(provider: Provider) -> list[ModelInfo]:
    """List a provider's models; one of which the list says too little is shown, and keeps the list's digest."""
    return [await _detailed(provider, listed) for listed in await provider.list_models()]


async def _detailed(provider: Provider, listed: ModelInfo) -> ModelInfo:
    if listed.context_window and listed.capabilities:
        return listed
    try:
        shown = await provider.show_model(listed.name)
    except OllmError:  # of a damaged model, what the list says is all there is
        return listed
    return replace(shown, name=listed.name, digest=listed.digest or shown.digest)


def _print(ctx: CommandContext, compared: int, unknown: list[str], found: list[Difference]) -> None:
    if unknown:
        ctx.out.say(f"ollm: Not in the database, so not compared: {', '.join(unknown)}.")
    if found:
        rows = [
            (f"{each.provider}/{each.model}", each.fact, _word(each.database), _word(each.server)) for each in found
        ]
        ctx.out.table(("model", "fact", "database", "server"), rows)
    else:
        ctx.out.print(f"{compared} model{'' if compared == 1 else 's'} compared; nothing differs")


def _word(value: Value) -> str:
    return str(value) if not isinstance(value, bool) else "yes" if value else "no"
