"""What does one provider say of its models, now or formerly?

A provider that is away is answered for by what it said before. One that answers with an error of its own is not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct, convert, structs

from ollm.api import (
    CatalogueSource,
    ListedModel,
    LoadedModel,
    LoadsModels,
    ModelInfo,
    ModelNotFound,
    OllmError,
    Owned,
    Provider,
    ProviderAccess,
    ProviderEntry,
    ProviderUnreachable,
    ShownModel,
    meant,
    replace,
    tagged,
)
from ollm_plugins.models.cache import Cache
from ollm_plugins.models.patience import ask, ended, patience_for, soon

InMemory = Mapping[str, LoadedModel]

SAME = 86_400.0
"""Seconds for which a model of the same digest is believed to be shown the same; a newer server may say more of it."""


class Listing(Struct, frozen=True):
    """What a provider has listed.

    :param asked: when it was asked, in seconds since 1970
    """

    asked: float
    models: tuple[ModelInfo, ...]


_NOTHING = Listing(0.0, ())


class Part(Struct, frozen=True):
    """The part of a catalogue that comes from one provider."""

    models: tuple[ListedModel, ...]
    source: CatalogueSource


class Source:
    """One provider and what is remembered of it."""

    def __init__(self, access: ProviderAccess, owned: Owned[ProviderEntry], cache: Cache) -> None:
        self.owned = owned
        self.cache = cache
        self._access = access
        self._loaded: InMemory = {}
        self._built: tuple[Listing, InMemory, Part] | None = None

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.owned.item.name

    @property
    def _may_be_away(self) -> bool:
        """Whether it is somewhere else; one in this process is slow when it has files to read, and never away."""
        return self.owned.item.address != ""

    def provider(self) -> Provider:
        """Return the provider itself, to see what it can do.

        :raises PluginError: its plugin could not make it
        """
        return self._access.make(self.owned)

    async def list(self, max_age: float = 0.0, *, formerly: bool = True) -> Part | OllmError:
        """List the models, and how each is in memory; or return why that is not possible.

        :param max_age: seconds for which a former answer is good enough
        :param formerly: whether a former answer will do when the provider is away
        """
        known, now = self.cache.read(), time.time()
        if known.list_holds(now - max_age, now):
            return self._part(self._known())
        usual = patience_for(known.seconds)
        patience = usual if known.asked and formerly and self._may_be_away else None
        loaded = asyncio.ensure_future(self.loaded(patience))
        try:
            answer = await self._ask_list(patience)
            status = () if isinstance(answer, OllmError) else await soon(loaded, usual, ())
        finally:
            await ended(loaded)
        found = () if isinstance(status, OllmError) else status
        self._loaded = {tagged(each.name): each for each in found}
        if isinstance(answer, ProviderUnreachable) and known.asked and formerly:
            part = self._part(self._known())
            return Part(part.models, _offline(part.source, answer))
        return answer if isinstance(answer, OllmError) else self._part(answer)

    async def show(self, name: str, max_age: float = 0.0) -> ShownModel | OllmError:
        """Tell everything known about a model; or return why that is not possible.

        :param max_age: seconds for which a former answer is good enough
        """
        former, now = self.cache.shown(name), time.time()
        since = now - max_age
        if former and since < former[1] <= now:
            return ShownModel(self.name, former[0], self._source(former[1]))
        remembered = former is not None or self.cache.listed(name) is not None
        patience = patience_for(self.cache.read().seconds) if remembered and self._may_be_away else None
        answer: ShownModel | OllmError | None = None
        if former and former[0].digest and now - former[1] < SAME:
            answer = await self._confirm(former[0], since, patience)
        if answer is None:
            answer = await self._ask_show(name, since, patience)
        if isinstance(answer, ModelNotFound) and remembered:
            self.cache.mark_deleted(name)
        return self._formerly(name, answer) if isinstance(answer, ProviderUnreachable) else answer

    async def loaded(self, patience: float | None = None) -> Sequence[LoadedModel] | OllmError:
        """Ask for the models in memory; none, if the provider holds none there."""

        async def question(provider: Provider) -> Sequence[LoadedModel]:
            if not isinstance(provider, LoadsModels):
                return ()
            return [convert(structs.asdict(each), LoadedModel) for each in await provider.loaded_models()]

        return await ask(self._access, self.owned, question, patience)

    async def _ask_list(self, patience: float | None) -> Listing | OllmError:
        """Ask for the models and remember them; what is handed over is checked where its plugin can be blamed."""

        async def question(provider: Provider) -> tuple[ModelInfo, ...]:
            return tuple(convert(structs.asdict(each), ModelInfo) for each in await provider.list_models())

        self._prepare()
        asked, begun = time.time(), time.monotonic()
        answer = await ask(self._access, self.owned, question, patience)
        if isinstance(answer, OllmError):
            return answer
        self.cache.keep_list(answer, asked, time.monotonic() - begun)
        return Listing(asked, answer)

    async def _confirm(self, former: ModelInfo, since: float, patience: float | None) -> ShownModel | OllmError | None:
        """Return a former answer if the model is listed with the same digest; the list is asked for if need be."""
        if not self.cache.read().list_holds(since, time.time()):
            answer = await self._ask_list(patience)
            if isinstance(answer, OllmError):
                return answer if isinstance(answer, ProviderUnreachable) else None
        listed = self.cache.listed(former.name)
        if listed is None or listed.digest != former.digest:
            return None
        info = replace(former, modified=listed.modified or former.modified)
        return ShownModel(self.name, info, self._source(self.cache.read().asked))

    async def _ask_show(self, name: str, since: float, patience: float | None) -> ShownModel | OllmError:
        """Ask for a model, and at the same time for the list, which may tell what the answer does not."""

        async def question(provider: Provider) -> ModelInfo:
            return convert(structs.asdict(await provider.show_model(name)), ModelInfo)

        self._prepare()
        asked, known = time.time(), self.cache.read()
        listing = None if known.list_holds(since, asked) else asyncio.ensure_future(self._ask_list(patience))
        try:
            answer = await ask(self._access, self.owned, question, patience)
            if isinstance(answer, OllmError):
                return answer
            listed = await soon(listing, patience_for(known.seconds), _NOTHING) if listing else self._known()
        finally:
            if listing:
                await ended(listing)
        info = _completed(answer, name, listed.models if isinstance(listed, Listing) else ())
        self.cache.keep_shown(info, asked)
        return ShownModel(self.name, info, self._source(asked))

    def _formerly(self, name: str, error: ProviderUnreachable) -> ShownModel | OllmError:
        """Answer for a provider that is away."""
        former, listed = self.cache.shown(name), self.cache.listed(name)
        if former:
            return ShownModel(self.name, former[0], _offline(self._source(former[1]), error))
        if listed:
            return ShownModel(self.name, listed, _offline(self._source(self.cache.read().asked), error))
        return error

    def _prepare(self) -> None:
        """Make the provider before the clock runs: it may have to import much. If it cannot be made, asking says so."""
        try:
            self.provider()
        except OllmError:
            return

    def _known(self) -> Listing:
        return Listing(self.cache.read().asked, self.cache.models())

    def _part(self, listing: Listing) -> Part:
        """Return a part of a catalogue; built anew only when something is new."""
        built, loaded = self._built, self._loaded
        if built and built[0].models is listing.models and built[0].asked == listing.asked and built[1] is loaded:
            return built[2]
        models = tuple(ListedModel(self.name, info, loaded.get(tagged(info.name))) for info in listing.models)
        part = Part(models, self._source(listing.asked))
        self._built = listing, loaded, part
        return part

    def _source(self, asked: float) -> CatalogueSource:
        return CatalogueSource(self.name, datetime.fromtimestamp(asked, UTC).isoformat(timespec="seconds"))


def _completed(shown: ModelInfo, name: str, listed: Sequence[ModelInfo]) -> ModelInfo:
    """Return what was said of a model, with what only the list says."""
    models = {model.name: model for model in listed}
    found = meant(name, models)
    if found is None:
        return shown
    facts = structs.asdict(models[found]).items()
    missing = {field: value for field, value in facts if value and not getattr(shown, field)}
    return replace(shown, **{**missing, "name": found})


def _offline(source: CatalogueSource, error: OllmError) -> CatalogueSource:
    return replace(source, offline=error.problem, remedy=error.remedy)
