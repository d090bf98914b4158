"""Which providers can be reached?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ollm.api import Health, OllmError, Owned, Provider, ProviderEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ollm.api import App


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


async def reach_all(app: App, entries: Sequence[Owned[ProviderEntry]], *, count: bool = False) -> list[Reached]:
    """Reach several providers at the same time.

    :param count: whether to count their models as well
    """

    async def question(provider: Provider) -> tuple[Health, int | None]:
        return await provider.check(), len(await provider.list_models()) if count else None

    return [
        Reached(entry, error=answer) if isinstance(answer, OllmError) else Reached(entry, answer[0], models=answer[1])
        for entry, answer in await app.providers.ask_all(entries, question)
    ]
