"""Which providers can do what is asked, and which of them has the model?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ollm.api import ModelInfo, ModelNotFound, OllmError, UsageError, meant, near_models
from ollm_plugins.models.refusals import worst
from ollm_plugins.models.source import Part, Source


def able(sources: Sequence[Source], ability: type, what: str) -> list[Source]:
    """Return the providers that have an ability.

    :param ability: a Protocol of `ollm.providers`
    :param what: what it is good for, in words, e.g. "fetch models"
    :raises UsageError: none has it
    :raises PluginError: one that might have it could not be made, and no other has it
    """
    found: list[Source] = []
    refusals: list[OllmError] = []
    for source in sources:
        try:
            if isinstance(source.provider(), ability):
                found.append(source)
        except OllmError as error:
            refusals.append(error)
    if found or refusals:
        return found or _fail(worst(refusals))
    if len(sources) == 1:
        raise UsageError(f"Provider '{sources[0].name}' cannot {what}", "Choose another with --provider.")
    raise UsageError(f"No provider that is installed can {what}", "Run `ollm plugins doctor`.")


async def locate(sources: Sequence[Source], name: str) -> tuple[Source, ModelInfo, Sequence[ModelInfo]]:
    """Find the one provider that has a model, asking them now.

    :return: the provider, the model as it is listed, and all models of that provider
    :raises ModelNotFound: none has it, and the remedy names those that are near
    :raises UsageError: several have it
    :raises ProviderUnreachable: it may be one that is away
    """
    refusals: list[OllmError] = []
    parts: list[tuple[Source, Part]] = []
    answers = await asyncio.gather(*(source.list(formerly=False) for source in sources))
    for source, part in zip(sources, answers, strict=True):
        if isinstance(part, OllmError):
            refusals.append(part)
        else:
            parts.append((source, part))
    found = [each for source, part in parts for each in _having(name, source, part)]
    if len(found) == 1:
        return found[0]
    if found:
        owners = " and ".join(f"'{source.name}'" for source, _, _ in found)
        raise UsageError(f"The providers {owners} have {name}", "Say which is meant with --provider.")
    listed = [model.info.name for _, part in parts for model in part.models]
    raise worst([*refusals, *([_missing(name, parts, listed)] if parts else [])])


def _having(name: str, source: Source, part: Part) -> list[tuple[Source, ModelInfo, Sequence[ModelInfo]]]:
    """Return what is found of a model in a list; what is only offered to be fetched is not there."""
    models = {model.info.name: model.info for model in part.models if model.info.details.get("fetched") is not False}
    found = meant(name, models)
    return [] if found is None else [(source, models[found], tuple(models.values()))]


def _missing(name: str, parts: Sequence[tuple[Source, Part]], listed: Sequence[str]) -> ModelNotFound:
    near = near_models(name, listed)
    remedy = f"Near to it: {', '.join(near)}." if near else "`ollm model list` lists the models."
    asked = [f"'{source.name}'" for source, _ in parts]
    who = f"Provider {asked[0]} has" if len(asked) == 1 else f"The providers {' and '.join(asked)} have"
    return ModelNotFound(f"{who} no model {name}", remedy)


def _fail(error: OllmError) -> list[Source]:
    raise error
