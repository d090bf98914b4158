"""Which models do the providers have?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct, convert, structs

from ollm.api import ModelInfo, OllmError, Owned, PluginError, Provider, ProviderEntry, ProviderUnreachable, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ollm.api import App

PATIENCE = 10.0
"""Seconds after which a provider that does not keep its own time-outs counts as unreachable."""


class Answer(Struct, frozen=True):
    """What one provider said.

    :param error: why it listed no models; None when it answered
    """

    provider: str
    models: Sequence[ModelInfo] = ()
    error: OllmError | None = None


async def ask_all(app: App, entries: Sequence[Owned[ProviderEntry]]) -> list[Answer]:
    """Ask several providers at the same time; one that does not answer spoils nothing for the others.

    :raises PluginError: in strict mode, a plugin failed
    """
    return list(await asyncio.gather(*(_attempt(app, entry) for entry in entries)))


async def _attempt(app: App, entry: Owned[ProviderEntry]) -> Answer:
    try:
        return await ask(app, entry)
    except OllmError as error:
        if app.host.strict and isinstance(error, PluginError):
            raise
        return Answer(entry.item.name, error=error)


async def ask(app: App, entry: Owned[ProviderEntry]) -> Answer:
    """Ask one provider, which may be a stranger's, for its models.

    :raises OllmError: it says no, does not answer, or fails
    """
    name = entry.item.name
    provider = app.providers.make(entry)
    try:
        return Answer(name, await asyncio.wait_for(_sound_models(provider), PATIENCE))
    except OllmError:
        raise
    except TimeoutError as error:
        raise ProviderUnreachable(f"Provider '{name}' did not answer in time", "Try again later.") from error
    except Exception as error:
        app.host.blame_error(entry.record, label(entry.item), error)
        raise PluginError(entry.record.name, f"Plugin '{entry.record.name}' failed in {label(entry.item)}") from error


async def _sound_models(provider: Provider) -> list[ModelInfo]:
    """Check the types of what a provider hands over here, where its plugin can be blamed."""
    return [convert(structs.asdict(model), ModelInfo) for model in await provider.list_models()]
