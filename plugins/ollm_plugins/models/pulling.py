"""Who fetches a model, and who does when that one cannot?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

from ollm.api import (
    ModelNotFound,
    Notice,
    OllmError,
    Progress,
    ProviderAccess,
    ProviderUnreachable,
    PullRequest,
    PullsModels,
    Step,
    Waiting,
    same_model,
)
from ollm_plugins.models.ability import able
from ollm_plugins.models.fetch import Fetch
from ollm_plugins.models.refusals import worst
from ollm_plugins.models.source import Source


class Puller:
    """All pulls of this process.

    :param sources: the providers to be asked, for the name of one or None
    """

    def __init__(self, access: ProviderAccess, sources: Callable[[str | None], Sequence[Source]]) -> None:
        self._access = access
        self._sources = sources
        self._fetches: list[Fetch] = []

    async def pull(
        self, request: PullRequest, provider: str | None
    ) -> AsyncIterator[Progress | Step | Waiting | Notice]:
        """Fetch a model, or follow its pull that is under way already."""
        fetch = self._under_way(request.name, provider)
        if fetch is None:
            sources = able(self._sources(provider), PullsModels, "fetch models")
            fetch = Fetch(request, lambda fetch: self._work(fetch, sources), provider or "")
            self._fetches.append(fetch)
        async with aclosing(fetch.follow()) as news:
            async for each in news:
                yield each

    def cancel(self, name: str) -> bool:
        """Stop the pulls of a model; False if there is none."""
        found = [fetch for fetch in self._fetches if same_model(fetch.request.name, name)]
        for fetch in found:
            fetch.stop()
        return bool(found)

    def _under_way(self, name: str, provider: str | None) -> Fetch | None:
        """Return the pull to follow; what an abandoned event loop has left never ends."""
        loop = asyncio.get_running_loop()
        for fetch in self._fetches:
            same = same_model(fetch.request.name, name) and provider in (None, fetch.provider)
            if same and fetch.loop is loop and not fetch.stopping:
                return fetch
        return None

    async def _work(self, fetch: Fetch, sources: Sequence[Source]) -> None:
        try:
            await self._first_that_can(fetch, sources)
        finally:
            self._fetches.remove(fetch)

    async def _first_that_can(self, fetch: Fetch, sources: Sequence[Source]) -> None:
        refusals: list[OllmError] = []
        for source in sources:
            fetch.begin(source.name, _fallback(refusals, source, fetch.request.name) if refusals else None)
            try:
                await self._access.ask(source.owned, fetch.read)
            except (ProviderUnreachable, ModelNotFound) as error:
                if fetch.begun:
                    raise
                refusals.append(error)
            else:
                source.cache.mark_changed(fetch.request.name)
                return
            finally:
                if fetch.complete:  # it may go on without us
                    source.cache.mark_changed(fetch.request.name)
        raise worst(refusals)


def _fallback(refusals: Sequence[OllmError], source: Source, name: str) -> Notice:
    reasons = "; ".join(error.problem for error in refusals)
    return Notice("provider-fallback", f"{reasons}: the provider '{source.name}' fetches {name}.")
