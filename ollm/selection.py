"""Who answers?

A provider that the user chose, by flag, variable or settings, is never swapped for another. When none was
chosen, the providers are asked in their order and the first that can answer does; those that could not are
named in a notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from ollm.awaiting import awaited, closed
from ollm.errors import ModelNotFound, OllmError, PluginError, ProviderUnreachable, UsageError
from ollm.messages import Notice
from ollm.providers import DefaultsModel, Provider
from ollm.sections import ModelSettings

if TYPE_CHECKING:
    from ollm.contexts import HostContext
    from ollm.contributions import ProviderEntry
    from ollm.hub import Hub, Owned


T = TypeVar("T")

PATIENCE = 10.0
"""Seconds after which a provider that keeps no time-outs of its own counts as unreachable."""

SILENCE = 3.0
"""Seconds after which the user is told which provider has not said yet whether it can answer."""


class Answerer(Struct, frozen=True):
    """The provider and the model that answer."""

    entry: Owned[ProviderEntry]
    provider: Provider
    model: str


class Providers:
    """All providers, each made once, when it is first needed."""

    def __init__(self, hub: Hub, context: HostContext) -> None:
        self._hub = hub
        self._context = context
        self._made: dict[str, Provider] = {}
        self.generation = 0
        """How often all providers were closed; one from an earlier generation must not be used."""

    def entries(self) -> list[Owned[ProviderEntry]]:
        """List the providers in the order in which they are asked."""
        return self._hub.providers()

    def entry(self, name: str) -> Owned[ProviderEntry]:
        """Return a provider's entry.

        :raises UsageError: there is none of that name
        """
        for owned in self.entries():
            if owned.item.name == name:
                return owned
        from ollm.settings import nearest

        names = [owned.item.name for owned in self.entries()]
        known = f"Known are: {', '.join(names) or 'none'}."
        raise UsageError(f"There is no provider '{name}'{nearest(name, names)}", known)

    def make(self, owned: Owned[ProviderEntry]) -> Provider:
        """Return the provider itself.

        :raises PluginError: its plugin could not make it
        """
        name = owned.item.name
        if name not in self._made:
            provider = self._hub.use(owned, "create", self._context)
            if not isinstance(provider, Provider):
                remedy = "Run `ollm plugins doctor` for the cause, or choose another with --provider."
                raise PluginError(owned.record.name, f"Provider '{name}' could not be set up", remedy)
            self._made[name] = provider
        return self._made[name]

    def chosen(self) -> str | None:
        """Return the provider that the user chose, by name or by giving its address."""
        settings = self._context.settings
        named = settings.section(ModelSettings).provider
        if named:
            return named
        for owned in self.entries():
            if owned.item.address and settings.is_set(owned.item.address):
                return owned.item.name
        return None

    async def select(self, model: str | None = None, provider: str | None = None) -> Answerer:
        """Decide who answers.

        :param model: the one that is wanted in any case
        :param provider: whose model is wanted in any case
        :raises ProviderUnreachable: the chosen provider, or every one, is away
        :raises ModelNotFound: the model is not there, or there is none at all
        :raises UsageError: the chosen provider does not exist
        """
        if model is None and provider is None:
            model = self._context.settings.section(ModelSettings).default
        chosen = provider or self.chosen()
        if chosen:
            owned = self.entry(chosen)
            name = await self._model(owned, None) if model is None else model
            return Answerer(owned, self.make(owned), name)
        return await self._first_that_can(model)

    async def _first_that_can(self, model: str | None) -> Answerer:
        refusals: list[OllmError] = []
        for owned in self.entries():
            try:
                found = await self._model(owned, model)
                answerer = Answerer(owned, self.make(owned), found)
            except OllmError as error:
                if self._hub.host.strict and isinstance(error, PluginError):
                    raise
                refusals.append(error)
                continue
            if refusals:
                self._tell(refusals, answerer)
            return answerer
        raise _worst(refusals)

    async def _model(self, owned: Owned[ProviderEntry], wanted: str | None) -> str:
        """Ask a provider for a model, and say so when it takes long: nothing else on the screen would name it."""
        name = owned.item.name
        slow = Notice("provider-slow", f"The provider '{name}' is still being asked for its models.")
        saying = asyncio.get_running_loop().call_later(SILENCE, self._context.notify, slow)
        try:
            return await self.ask(owned, partial(_model, owned, wanted))
        finally:
            saying.cancel()

    async def ask(
        self, owned: Owned[ProviderEntry], question: Callable[[Provider], Awaitable[T]], patience: float | None = None
    ) -> T:
        """Ask a provider, which may be a stranger's, something.

        :param patience: seconds after which one that does not answer counts as unreachable; None: for good
        :raises OllmError: the provider says no
        :raises ProviderUnreachable: it took too long
        :raises PluginError: it failed, which is noted
        """

        async def work() -> T:
            return await question(self.make(owned))

        try:
            async with asyncio.timeout(patience):
                return await awaited(self._hub, owned, work())
        except TimeoutError as error:  # ours: `awaited` has made a failure of any other
            problem = f"Provider '{owned.item.name}' did not answer within {patience:g} s"
            raise ProviderUnreachable(problem, "Try again later.") from error

    async def ask_all(
        self, entries: Sequence[Owned[ProviderEntry]], question: Callable[[Provider], Awaitable[T]]
    ) -> list[tuple[Owned[ProviderEntry], T | OllmError]]:
        """Ask several providers at the same time, with patience; one that fails spoils nothing for the others.

        :raises PluginError: in strict mode, a plugin failed
        """

        async def attempt(owned: Owned[ProviderEntry]) -> T | OllmError:
            try:
                return await self.ask(owned, question, PATIENCE)
            except OllmError as error:
                if self._hub.host.strict and isinstance(error, PluginError):
                    raise
                return error

        answers = await asyncio.gather(*map(attempt, entries))
        return list(zip(entries, answers, strict=True))

    def _tell(self, refusals: list[OllmError], answerer: Answerer) -> None:
        reasons = "; ".join(error.problem for error in refusals)
        entry = answerer.entry.item
        character = f", {entry.stand_in}" if entry.stand_in else ""
        text = f"{reasons}: the provider '{entry.name}' answers with {answerer.model}{character}."
        self._context.notify(Notice("provider-fallback", text))

    async def aclose(self) -> None:
        """Close every provider that was made."""
        made = self._made
        self.forget()
        for name, provider in made.items():
            await closed(self._hub, self.entry(name), provider.aclose)

    def forget(self) -> None:
        """Make every provider anew when it is next needed."""
        self._made = {}
        self.generation += 1


async def _model(owned: Owned[ProviderEntry], wanted: str | None, provider: Provider) -> str:
    """Return the wanted model once the provider says that it has it, or its default one."""
    if wanted is None:
        return await _default_model(owned, provider)
    await provider.show_model(wanted)
    return wanted


async def _default_model(owned: Owned[ProviderEntry], provider: Provider) -> str:
    if isinstance(provider, DefaultsModel):
        return await provider.default_model()
    models = [each.name for each in await provider.list_models() if each.chats]
    if not models:
        raise ModelNotFound(f"Provider '{owned.item.name}' has no model that can chat", "Fetch one first.")
    return models[0]


def _worst(refusals: list[OllmError]) -> OllmError:
    """Report an absent server rather than a missing model: with the server back, the model may be there."""
    for error in refusals:
        if isinstance(error, ProviderUnreachable):
            others = [each.problem for each in refusals if each is not error]
            return ProviderUnreachable("; ".join((error.problem, *others)), error.remedy)
    return refusals[0] if refusals else UsageError("No provider is installed", "Run `ollm plugins doctor`.")
