"""What do the commands `model …` do?"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from msgspec import convert, structs

from ollm.api import CommandContext, ModelInfo, OllmError, Provider, ProviderUnreachable, UsageError

COLUMNS = (
    "name",
    "provider",
    "size",
    "family",
    "parameters",
    "quantization",
    "context",
    "capabilities",
    "modified",
)

Json = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
Name = Annotated[str | None, typer.Option("--provider", help="Ask this one only.", metavar="NAME")]


def list_models(ctx: CommandContext, *, provider: Name = None, as_json: Json = False) -> None:
    """List the models of the provider that you chose; of every one that answers, if you chose none.

    The exit code is 4 if nobody answers.
    """
    found = sorted(_models(ctx, provider), key=lambda pair: (pair[0].name, pair[1]))
    if as_json:
        ctx.out.document([_described(*pair) for pair in found])
        return
    ctx.out.table(COLUMNS, [_row(*pair) for pair in found])
    _tell_unusable(ctx, found)


def _models(ctx: CommandContext, name: str | None) -> list[tuple[ModelInfo, str]]:
    """Ask the named or chosen provider, else all, for models; each comes with its provider's name.

    :raises OllmError: none has answered
    """
    providers = ctx.app.providers
    only = name if name is not None else providers.chosen()
    entries = providers.entries() if only is None else [providers.entry(only)]
    answers = ctx.run(providers.ask_all(entries, _sound_models))
    errors = {entry.item.name: answer for entry, answer in answers if isinstance(answer, OllmError)}
    if len(errors) == len(entries):
        raise _nobody(list(errors.values()))
    for each, error in errors.items():
        ctx.out.say(f"ollm: No models of provider '{each}': {error}")
    return [
        (model, entry.item.name) for entry, answer in answers if not isinstance(answer, OllmError) for model in answer
    ]


async def _sound_models(provider: Provider) -> list[ModelInfo]:
    """Check the types of what a provider hands over here, where its plugin can be blamed."""
    return [convert(structs.asdict(model), ModelInfo) for model in await provider.list_models()]


def _nobody(errors: list[OllmError]) -> OllmError:
    if len(errors) == 1:
        return errors[0]
    if not errors:
        return UsageError("No provider is installed", "Run `ollm plugins doctor`.")
    reasons = "; ".join(error.problem for error in errors)
    return ProviderUnreachable(f"No provider answers: {reasons}", errors[0].remedy)


def _described(model: ModelInfo, provider: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": model.name,
        "provider": provider,
        "size": model.size,
        "digest": model.digest,
        "modified": model.modified,
        "family": model.family,
        "parameters": model.parameters,
        "quantization": model.quantization,
        "contextWindow": model.context_window,
        "capabilities": model.capabilities,
    }
    if _is_unfetched(model):
        document["fetched"] = False
    return document


def _row(model: ModelInfo, provider: str) -> tuple[object, ...]:
    return (
        model.name,
        provider,
        _size(model),
        model.family,
        model.parameters,
        model.quantization,
        model.context_window,
        ", ".join(model.capabilities),
        model.modified[:10],
    )


def _is_unfetched(model: ModelInfo) -> bool:
    """Whether the provider offers a model whose weights are not on disk yet."""
    return model.details.get("fetched") is False


def _size(model: ModelInfo) -> str:
    if _is_unfetched(model):
        return "not fetched"
    return "" if model.size is None else human(model.size)


def human(size: int) -> str:
    """Write a size as people do: "98 MB", "4.7 GB".

    :param size: in bytes
    """
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:  # noqa: PLR2004  (it would be written as 1000)
            return _rounded(value, unit)
        value /= 1000
    return _rounded(value, "TB")


def _rounded(value: float, unit: str) -> str:
    decimals = 1 if value < 9.95 and unit != "B" else 0  # noqa: PLR2004  (it would be written as 10.0)
    return f"{value:.{decimals}f} {unit}"


def _tell_unusable(ctx: CommandContext, found: list[tuple[ModelInfo, str]]) -> None:
    """Say of what is listed why it cannot be used, and if nothing is."""
    if not found:
        ctx.out.say("ollm: There are no models yet.")
    for model, provider in found:
        problem = model.details.get("problem")
        if problem:
            ctx.out.say(f"ollm: Model '{model.name}' of provider '{provider}' cannot be used: {problem}.")
