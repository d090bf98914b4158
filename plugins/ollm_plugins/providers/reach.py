"""Which providers can be reached?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ollm.api import Health, OllmError, Owned, ProviderEntry, ProviderError, ProviderUnreachable, label

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from ollm.api import App

PATIENCE = 10.0
"""Seconds after which a provider that does not keep its own time-outs counts as unreachable."""


class Reached(Struct, frozen=True):
    """What became of reaching one provider.

    :param error: why it was not reached; None when it was
    :param models: how many it has; None when nobody asked
    """

    entry: Owned[ProviderEntry]
    health: Health | None = None
    error: OllmError | None = None
    models: int | None = None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.entry.item.name


async def reach_all(app: App, entries: Sequence[Owned[ProviderEntry]]) -> list[Reached]:
    """Reach several providers at the same time."""
    return list(await asyncio.gather(*(reach(app, entry) for entry in entries)))


async def reach(app: App, entry: Owned[ProviderEntry], *, count: bool = False) -> Reached:
    """Reach one provider.

    :param count: whether to count its models as well
    """
    try:
        provider = app.providers.make(entry)
        health = await _patiently(app, entry, provider.check())
        models = len(await _patiently(app, entry, provider.list_models())) if count else None
    except OllmError as error:
        return Reached(entry, error=error)
    return Reached(entry, health, models=models)


async def _patiently(app: App, entry: Owned[ProviderEntry], work: Awaitable[Any]) -> Any:
    """Wait for a provider, which may be a stranger's.

    :raises OllmError: it says no, does not answer, or fails
    """
    name = entry.item.name
    try:
        return await asyncio.wait_for(work, PATIENCE)
    except OllmError:
        raise
    except TimeoutError as error:
        raise ProviderUnreachable(
            f"Provider '{name}' did not answer within {PATIENCE:g} s", "Try again later."
        ) from error
    except Exception as error:
        app.host.blame_error(entry.record, label(entry.item), error)
        raise ProviderError(f"Provider '{name}' failed", "Run `ollm plugins doctor` for the cause.") from error
