"""How do other rooms reach models, whichever provider has them?"""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ollm.api import (
    Catalogue,
    CatalogueSource,
    CopiesModels,
    DeletedModel,
    DeletesModels,
    LoadsModels,
    ModelInfo,
    ModelStatus,
    Notice,
    OllmError,
    Owned,
    Progress,
    Provider,
    ProviderAccess,
    ProviderEntry,
    PullRequest,
    ShownModel,
    Step,
    Waiting,
)
from ollm_plugins.models.ability import able, locate
from ollm_plugins.models.cache import Cache, cache_file
from ollm_plugins.models.refusals import worst
from ollm_plugins.models.source import Part, Source

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ollm.api import HostContext
    from ollm_plugins.models.pulling import Puller


def create(ctx: HostContext) -> ModelService:
    """Make the service; nobody is asked and no file read yet."""
    return ModelService(ctx)


class ModelService:
    """The service `ModelManagement`.

    :ivar loop: that of the conversation at the terminal, once there is one
    :ivar first_list: the last one that was asked for because there was none yet
    :ivar was_late: when that was waited for in vain, in seconds of the monotonic clock
    """

    def __init__(self, ctx: HostContext) -> None:
        access = ctx.services.find(ProviderAccess)
        assert access is not None, "the kernel provides it"
        self._ctx = ctx
        self._access = access
        self._known: dict[Path, Source] = {}
        self._made_puller: Puller | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.first_list: Future[Catalogue] | None = None
        self.was_late = float("-inf")
        self._joined: tuple[tuple[Part, ...], Catalogue] | None = None

    async def list_models(self, provider: str | None = None, *, max_age: float = 0.0) -> Catalogue:
        """List the models, those of a provider that is away as it listed them before.

        A provider that cannot be asked for another reason, or that never was, is in `sources` with that reason.

        :raises OllmError: none can be asked
        """
        sources = self._sources(provider)
        answers = await asyncio.gather(*(source.list(max_age) for source in sources))
        refusals = [answer for answer in answers if isinstance(answer, OllmError)]
        if len(refusals) == len(sources):
            raise worst(refusals)
        parts = [
            Part((), CatalogueSource(source.name, "", answer.problem, answer.remedy))
            if isinstance(answer, OllmError)
            else answer
            for source, answer in zip(sources, answers, strict=True)
        ]
        return self._catalogue(tuple(parts))

    async def show_model(self, name: str, provider: str | None = None, *, max_age: float = 0.0) -> ShownModel:
        """Tell everything known about one model; of several providers the first that has it answers.

        :raises ModelNotFound: there is none of that name
        :raises OllmError: nobody can be asked
        """
        sources = self._sources(provider)
        answers = await asyncio.gather(*(source.show(name, max_age) for source in sources))
        found = [answer for answer in answers if not isinstance(answer, OllmError)]
        for answer in sorted(found, key=_doubt):
            return answer
        raise worst([answer for answer in answers if isinstance(answer, OllmError)])

    def pull(
        self, request: PullRequest, provider: str | None = None
    ) -> AsyncIterator[Progress | Step | Waiting | Notice]:
        """Fetch a model; closing the iterator stops the fetch, unless somebody else follows it too.

        Without a chosen provider, the first fetches it that answers and has it to give.

        :raises PullStopped: `cancel` was called
        :raises OllmError: it could not be fetched, or there is no room for it
        """
        return self._puller.pull(request, provider)

    def cancel(self, name: str) -> bool:
        """Stop a pull that is under way in this process; False if there is none of that name."""
        return self._puller.cancel(name)

    async def delete_model(self, name: str, provider: str | None = None) -> DeletedModel:
        """Delete a model from disk, after taking it out of memory.

        :raises ModelNotFound: there is none of that name
        :raises UsageError: several providers have it, or the one that has it cannot delete
        :raises ProviderError: it cannot be taken out of memory, because it is answering
        """
        from ollm_plugins.models.deleting import delete

        sources = able(self._sources(provider), DeletesModels, "delete models")
        return await delete(self._access, *await locate(sources, name))

    async def copy_model(self, source: str, target: str, provider: str | None = None) -> None:
        """Give a model a second name.

        :raises ModelNotFound: there is none of that name
        :raises UsageError: several providers have it, or the one that has it cannot copy
        """
        sources = able(self._sources(provider), CopiesModels, "copy models")
        owner, model, _ = await locate(sources, source)

        async def question(asked: Provider) -> None:
            assert isinstance(asked, CopiesModels)
            await asked.copy_model(model.name, target)

        await self._access.ask(owner.owned, question)
        owner.cache.mark_changed(target)

    async def status(self, provider: str | None = None) -> Sequence[ModelStatus]:
        """List the models in memory, asking the providers now; one that is away adds none.

        :raises OllmError: none can be asked
        """
        sources = able(self._sources(provider), LoadsModels, "hold models in memory")
        answers = await asyncio.gather(*(source.loaded() for source in sources))
        refusals = [answer for answer in answers if isinstance(answer, OllmError)]
        if len(refusals) == len(sources):
            raise worst(refusals)
        pairs = zip(sources, answers, strict=True)
        return [
            ModelStatus(source.name, model)
            for source, answer in pairs
            if not isinstance(answer, OllmError)
            for model in answer
        ]

    async def aclose(self) -> None:
        """Write what is not written yet."""
        for source in self._known.values():
            await source.cache.aclose()

    @property
    def _puller(self) -> Puller:
        from ollm_plugins.models.pulling import Puller

        if self._made_puller is None:
            self._made_puller = Puller(self._access, self._sources)
        return self._made_puller

    def remembered(self) -> list[tuple[str, ModelInfo]]:
        """Return the models as they were listed last, each with its provider, without asking anybody."""
        sources = self._sources(None)
        return [(source.name, model) for source in sources for model in source.cache.models()]

    def _sources(self, provider: str | None) -> list[Source]:
        """Return the providers to be asked: the named or chosen one, else all.

        :raises UsageError: there is none of that name
        """
        only = provider if provider is not None else self._access.chosen()
        entries = self._access.entries() if only is None else [self._access.entry(only)]
        return [self._source(owned) for owned in entries]

    def _source(self, owned: Owned[ProviderEntry]) -> Source:
        """Return a provider where it is now: the setting that says where may have changed."""
        path = cache_file(self._ctx.paths.cache, owned.item.name, self._where(owned))
        if path not in self._known:
            self._known[path] = Source(self._access, owned, Cache(path, self._ctx.notify))
        return self._known[path]

    def _where(self, owned: Owned[ProviderEntry]) -> str:
        try:
            return str(self._ctx.settings.get(owned.item.address)) if owned.item.address else ""
        except OllmError:  # the provider itself says what is wrong with it
            return ""

    def _catalogue(self, parts: tuple[Part, ...]) -> Catalogue:
        """Join parts; the same ones make the same catalogue."""
        if self._joined and len(self._joined[0]) == len(parts) and all(map(operator.is_, self._joined[0], parts)):
            return self._joined[1]
        models = tuple(model for part in parts for model in part.models)
        made = Catalogue(models, tuple(part.source for part in parts))
        self._joined = parts, made
        return made


def _doubt(shown: ShownModel) -> tuple[bool, bool]:
    """Return what an answer is sorted by: one that is only offered comes after one that was there formerly."""
    return shown.info.details.get("fetched") is False, shown.source.offline != ""
