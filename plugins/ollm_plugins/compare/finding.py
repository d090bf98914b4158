"""Which models are meant, and what is known of them?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ollm.api import (
    Catalogue,
    HoldsFewModels,
    HostContext,
    ListedModel,
    MemoryEstimate,
    ModelManagement,
    ModelMemory,
    OllmError,
    ProviderAccess,
    UsageError,
    meant,
    replace,
    tagged,
    visible,
)
from ollm_plugins.compare.deciding import Facts, Wanted, Wish

MOST: Final = 9
"""Models in one comparison: each has a key of its own."""


async def listed(host: HostContext) -> Catalogue:
    """Return the models of all providers that answer; an empty list when nobody does, which each answer then says."""
    management = host.services.find(ModelManagement)
    if management is None:
        return Catalogue((), ())
    try:
        return await management.list_models()
    except OllmError:
        return Catalogue((), ())


def find(host: HostContext, catalogue: Catalogue, name: str) -> Wanted:
    """Return which model a name means: MODEL, or PROVIDER/MODEL.

    A name that nobody lists is left to whoever is asked, who says what is wrong with it.
    """
    model = _called(catalogue.models, name)
    if model is not None:
        return _wanted(model)
    access = host.services.find(ProviderAccess)
    providers = [owned.item.name for owned in access.entries()] if access else []
    provider, _, rest = name.partition("/")
    if provider not in providers or not rest:
        return Wanted("", name)
    model = _called([each for each in catalogue.models if each.provider == provider], rest)
    return _wanted(model) if model else Wanted(provider, rest)


def _called(models: Iterable[ListedModel], name: str) -> ListedModel | None:
    given = list(models)
    found = meant(name, [each.info.name for each in given])
    return next((each for each in given if each.info.name == found), None)


def _wanted(model: ListedModel) -> Wanted:
    return Wanted(model.provider, model.info.name, model.info.digest)


def is_listed(catalogue: Catalogue, wanted: Wanted) -> bool:
    """Whether a provider lists the model."""
    return any(each.provider == wanted.provider and each.info.name == wanted.model for each in catalogue.models)


def checked(models: Sequence[Wanted], repeat: int) -> None:
    """See whether models can be compared.

    :raises UsageError: there are too few, too many, or one is named twice
    """
    least = 1 if repeat > 1 else 2
    if len(models) < least:
        raise UsageError(
            "Comparing takes a prompt and at least two models", 'E.g. `compare "Why is the sky blue?" ONE TWO`.'
        )
    if len(models) > MOST:
        raise UsageError(f"At most {MOST} models can be compared at once, not {len(models)}")
    keys = [(each.provider, tagged(each.model)) for each in models]
    twice = next((each for each, key in zip(models, keys, strict=True) if keys.count(key) > 1), None)
    if twice is not None and repeat == 1:
        problem = f"{visible(twice.model)} is named twice"
        raise UsageError(problem, "To see how far its answers differ, give it with --repeat 2 or more.")


def told_apart(models: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """Name those with their provider that several providers have by the same name."""
    providers: dict[str, set[str]] = {}
    for each in models:
        providers.setdefault(each.model, set()).add(each.provider)
    return tuple(replace(each, name=each.key) if len(providers[each.model]) > 1 else each for each in models)


async def facts(host: HostContext, catalogue: Catalogue, models: Sequence[Wanted], wish: Wish) -> Facts:
    """Gather what decides who answers when; memory is asked about only if that depends on it."""
    loaded = frozenset(f"{each.provider}/{each.info.name}" for each in catalogue.models if each.loaded is not None)
    memory = host.services.find(ModelMemory) if not wish else None
    estimate = MemoryEstimate()
    if memory is not None:
        try:
            estimate = await memory.estimate([(each.provider, each.model) for each in models])
        except OllmError:  # then nobody knows, which is the reason that is given
            estimate = MemoryEstimate()
    return Facts(estimate, loaded, _few(host, models))


def _few(host: HostContext, models: Sequence[Wanted]) -> dict[str, int]:
    access = host.services.find(ProviderAccess)
    assert access is not None, "the kernel provides it"
    found: dict[str, int] = {}
    for name in {each.provider for each in models} - {""}:
        try:
            provider = access.make(access.entry(name))
        except OllmError:  # its model's own answer says what is wrong
            continue
        if isinstance(provider, HoldsFewModels):
            found[name] = provider.models_at_once
    return found
