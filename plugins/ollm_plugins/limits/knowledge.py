"""How do other rooms learn what a model can do?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from ollm.api import (
    ContributedLimits,
    HostContext,
    KnownLimits,
    ModelInfo,
    ModelKnowledge,
    ModelLimits,
    ModelManagement,
    OllmError,
    ProviderAccess,
    fitting,
)
from ollm_plugins.limits.lookup import Claim, decide, of_database, of_plugin, of_server, of_user
from ollm_plugins.limits.settings import LimitsSettings

SECTION = "models.*.limits"

MAX_AGE = 60.0
"""Seconds for which what a provider said of a model is good enough: a turn does not ask anew."""

PATIENCE = 2.0
"""Seconds after which a provider that does not answer is not waited for: the database answers."""


def create(ctx: HostContext) -> Knowledge:
    """Make the service; nothing is read or asked yet."""
    return Knowledge(ctx)


class Knowledge(ModelKnowledge):
    """The service `ModelKnowledge`."""

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx

    def look_up(self, name: str, provider: str = "", live: ModelInfo | None = None) -> KnownLimits:  # noqa: ARG002
        """Say what is known of a model without asking anybody; `provider` makes no difference yet.

        :raises SettingsError: what the user's settings say of it is bad
        """
        return decide(name, self._claims(name, live))

    async def limits_of(self, name: str, provider: str) -> KnownLimits:
        """Say what is known of a model, with what its provider says of it now or said not long ago.

        A provider that is away, or does not know the model, says nothing here: whoever chats with it will hear why.
        """
        try:
            live = await self._shown(name, provider)
        except OllmError:
            live = None
        return self.look_up(name, provider, live)

    async def _shown(self, name: str, provider: str) -> ModelInfo:
        """Ask for a model's details.

        :raises OllmError: nobody gives them
        """
        management = self._ctx.services.find(ModelManagement)
        if management is not None:
            return (await management.show_model(name, provider, max_age=MAX_AGE)).info
        access = self._ctx.services.find(ProviderAccess)
        assert access is not None, "the kernel provides it"
        return await access.ask(access.entry(provider), lambda each: each.show_model(name), PATIENCE)

    def _claims(self, name: str, live: ModelInfo | None) -> Iterator[Claim]:
        """Yield what is said of a model, the most trusted first."""
        settings = self._ctx.settings
        for pattern in fitting(name, settings.entries(SECTION)):
            yield of_user(pattern, settings.section(LimitsSettings, pattern))
        if live is not None:
            yield of_server(live)
        for pattern in fitting(name, dict.fromkeys(each.pattern for each in self._patterns)):
            yield from (of_plugin(each) for each in self._patterns if each.pattern == pattern)
        known = of_database(name, live.digest, live.family) if live else of_database(name)
        if known is not None:
            yield known

    @cached_property
    def _patterns(self) -> Sequence[ModelLimits]:
        contributed = self._ctx.services.find(ContributedLimits)
        assert contributed is not None, "the kernel provides it"
        return tuple(owned.item for owned in contributed.model_limits())
