"""How are providers asked for, and told, what is in memory?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from ollm.api import (
    ContextWindows,
    LoadedModel,
    LoadRequest,
    LoadsModels,
    OllmError,
    Owned,
    Provider,
    ProviderAccess,
    ProviderEntry,
    ProviderUnreachable,
    UsageError,
)
from ollm_plugins.keepalive.keeper import Seen

if TYPE_CHECKING:
    from ollm.api import HostContext

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds that a question may take for which no model is loaded."""


def access_of(host: HostContext) -> ProviderAccess:
    """Return the way to all providers.

    :raises OllmError: there is none, which the kernel rules out
    """
    found = host.services.find(ProviderAccess)
    if found is None:
        raise OllmError("Providers cannot be reached")
    return found


def holds_models(access: ProviderAccess, owned: Owned[ProviderEntry]) -> bool:
    """Whether a provider has models in memory and can be told so; one that cannot be made has none."""
    try:
        return isinstance(access.make(owned), LoadsModels)
    except OllmError:
        return False


async def holder(access: ProviderAccess, name: str, provider: str | None = None) -> Owned[ProviderEntry]:
    """Find out whose model is meant: that of the named or chosen provider, else of the first that has it.

    :raises UsageError: the provider does not exist, or holds no models in memory
    :raises OllmError: the model is not there, or nobody answers
    """
    only = provider if provider is not None else access.chosen()
    if only is not None:
        owned = access.entry(only)
        if not isinstance(access.make(owned), LoadsModels):
            raise UsageError(f"Provider '{only}' holds no models in memory", "Choose another with --provider.")
        return owned
    refusals: list[OllmError] = []
    for owned in access.entries():
        if holds_models(access, owned):
            try:
                await access.ask(owned, lambda made: made.show_model(name), PATIENCE)
            except OllmError as error:
                refusals.append(error)
            else:
                return owned
    raise _worst(refusals)


def _worst(refusals: Sequence[OllmError]) -> OllmError:
    """Report an absent server rather than a missing model, which may be on it."""
    away = next((error for error in refusals if isinstance(error, ProviderUnreachable)), None)
    if away is not None:
        others = [error.problem for error in refusals if error is not away]
        return ProviderUnreachable("; ".join((away.problem, *others)), away.remedy)
    return refusals[0] if refusals else UsageError("No provider holds models in memory", "Run `ollm provider list`.")


async def look(access: ProviderAccess, owned: Owned[ProviderEntry]) -> Sequence[LoadedModel]:
    """Ask a provider what is in memory.

    :raises OllmError: it does not answer, or as it should not
    """
    return await access.ask(owned, _loaded, PATIENCE)


async def load(access: ProviderAccess, owned: Owned[ProviderEntry], request: LoadRequest) -> None:
    """Load a model, or set anew how long it stays; takes as long as it takes.

    :raises OllmError: the provider does not answer, or refuses
    """
    await access.ask(owned, partial(_load, request))


async def unload(access: ProviderAccess, owned: Owned[ProviderEntry], name: str) -> None:
    """Take a model out of memory.

    :raises OllmError: the provider does not answer, or refuses
    """
    await access.ask(owned, partial(_unload, name))


async def context_for(host: HostContext, name: str, provider: str) -> int | None:
    """Return the context window with which a chat would load a model that is not in memory, in tokens.

    :return: None leaves it to the provider
    """
    windows = host.services.find(ContextWindows)
    return None if windows is None else await windows.window_for(name, provider)


def seen(provider: str, models: Sequence[LoadedModel], skew: float = 0.0) -> list[Seen]:
    """Return what a provider has said, with times of this program's clock.

    :param skew: seconds by which the provider's clock is ahead of ours
    """
    return [
        Seen(provider, model.name, model.context_size, _deadline(model.expires, skew)) for model in models if model.name
    ]


def wall_time(expires: str) -> float | None:
    """Return an ISO 8601 time in seconds since 1970; None if it says never, or nothing that can be read."""
    try:
        return datetime.fromisoformat(expires).timestamp()
    except ValueError:
        return None


def _deadline(expires: str, skew: float) -> float | None:
    at = wall_time(expires)
    return None if at is None else at - skew - time.time() + time.monotonic()


def _holding(provider: Provider) -> LoadsModels:
    """:raises UsageError: it holds no models"""
    if not isinstance(provider, LoadsModels):
        raise UsageError(f"Provider '{provider.name}' holds no models in memory")
    return provider


async def _loaded(provider: Provider) -> Sequence[LoadedModel]:
    return await _holding(provider).loaded_models()


async def _load(request: LoadRequest, provider: Provider) -> None:
    await _holding(provider).load_model(request)


async def _unload(name: str, provider: Provider) -> None:
    await _holding(provider).unload_model(name)
