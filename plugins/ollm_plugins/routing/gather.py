"""How does the present become a situation? By one list, and what is known without asking."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from ollm.api import (
    Catalogue,
    Comparison,
    HostContext,
    ListedModel,
    LoadedModel,
    ModelInfo,
    ModelKnowledge,
    ModelManagement,
    ModelPreferences,
    OllmError,
    ProviderAccess,
    UsageError,
    replace,
)
from ollm_plugins.routing.candidates import listed
from ollm_plugins.routing.profiles import chain, profile_named, profiles
from ollm_plugins.routing.ranking import Asked
from ollm_plugins.routing.rates import FILE, Measured, read
from ollm_plugins.routing.settings import RoutingSettings
from ollm_plugins.routing.situation import Candidate, Machine, Requirement, Situation

MAX_AGE: Final = 60.0
"""Seconds for which a list is good enough."""
STAYS: Final = 240.0
"""Seconds after its last answer for which a model counts as in memory when no newer list says so; servers keep it 300."""
WHOLE: Final = 0.98
"""Part of a model on the GPU from which on all of it counts as there."""
_HERE = re.compile(
    r"^(?:\w+://)?(?:[^@/]*@)?(?:localhost|127\.[\d.]+|0\.0\.0\.0|\[?::1?\]?)(?=[:/]|$)|^:\d+", re.IGNORECASE
)
"""An address of this machine, as people write it."""


class Present(Struct, frozen=True):
    """What there is, whatever is asked of it.

    :param infos: what providers say of the candidates, by their key
    :param providers: as in `Situation`
    """

    machine: Machine
    candidates: tuple[Candidate, ...]
    infos: Mapping[str, ModelInfo]
    providers: tuple[tuple[str, str], ...]


class Gatherer:
    """Gathers situations; candidates are made anew only when a list is new."""

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self._made: tuple[tuple[Catalogue, float | None], tuple[Candidate, ...], dict[str, ModelInfo]] | None = None

    async def situation(self, profile: str, requirement: Requirement, prompt: str = "", where: str = "") -> Situation:
        """Return the present situation.

        :param where: the place that names the profile
        :raises UsageError: there is no such profile, or nobody lists models
        :raises OllmError: nobody can be asked
        """
        present = await self.present()
        section = self._host.settings.section(RoutingSettings)
        known = profiles(self._host, Asked(prompt, present.infos))
        profile_named(profile, known, where)
        return Situation(
            present.machine,
            present.candidates,
            profile,
            requirement,
            known,
            section.overrides,
            self._comparisons(chain(known, profile)),
            section.cloud,
            providers=present.providers,
        )

    async def present(self) -> Present:
        """Return what there is.

        :raises UsageError: nobody lists models
        :raises OllmError: nobody can be asked
        """
        management = self._host.services.find(ModelManagement)
        if management is None:
            raise UsageError("Routing needs a plugin that lists models, such as 'models'", "Run `ollm plugins list`.")
        catalogue = await management.list_models(max_age=MAX_AGE)
        vram_gb = self._host.settings.section(RoutingSettings).vram_gb
        candidates, infos = self._candidates(catalogue, vram_gb)
        machine = machine_of(catalogue, self._here(catalogue), vram_gb)
        return Present(machine, candidates, infos, tuple((each.provider, each.offline) for each in catalogue.sources))

    def _comparisons(self, names: Sequence[str]) -> tuple[Comparison, ...]:
        """Return how the user judged answers in some profiles."""
        preferences = self._host.services.find(ModelPreferences)
        return tuple(each for name in names for each in preferences.comparisons(name)) if preferences else ()

    def _candidates(
        self, catalogue: Catalogue, vram_gb: float | None
    ) -> tuple[tuple[Candidate, ...], dict[str, ModelInfo]]:
        """Return the candidates of a list, with what was measured of them up to now."""
        mark = (catalogue, vram_gb)
        if self._made is None or self._made[0][0] is not catalogue or self._made[0][1] != vram_gb:
            infos = {f"{each.provider}/{each.info.name}": each.info for each in catalogue.models}
            self._made = mark, self._make(catalogue, vram_gb), infos
        rates = read(self._host.paths.home / FILE, self._host.notify)
        as_of = {each.provider: _seconds(each.as_of) for each in catalogue.sources}
        found = list(self._made[1])
        for place, each in enumerate(found) if rates else ():
            measured = rates.get(each.key)
            if measured is not None:
                found[place] = _with(each, measured, as_of.get(each.provider, 0.0))
        return tuple(found), self._made[2]

    def _make(self, catalogue: Catalogue, vram_gb: float | None) -> tuple[Candidate, ...]:
        knowledge = self._host.services.find(ModelKnowledge)
        offline = {each.provider: each.offline for each in catalogue.sources if each.offline}
        here, found = self._here(catalogue), []
        for model in catalogue.models:
            limits = knowledge.look_up(model.info.name, model.provider, model.info) if knowledge else None
            away = f"is with '{model.provider}', which is away" if model.provider in offline else ""
            made = listed(model, limits, away)
            unknown = model.provider not in here and vram_gb is None
            found.append(replace(made, elsewhere=True) if unknown else made)
        return tuple(found)

    def _here(self, catalogue: Catalogue) -> frozenset[str]:
        """Return the providers of which the models run on this machine, as far as their addresses tell."""
        access = self._host.services.find(ProviderAccess)
        assert access is not None, "the kernel provides it"
        addresses = {owned.item.name: owned.item.address for owned in access.entries()}
        names = {each.provider for each in catalogue.sources}
        return frozenset(name for name in names if self._is_here(addresses.get(name, "")))

    def _is_here(self, setting: str) -> bool:
        """Whether an address is this machine's; a provider without one runs in this process."""
        try:
            address = str(self._host.settings.get(setting) or "") if setting else ""
        except OllmError:  # the provider itself says what is wrong with it
            return False
        return not address or _HERE.search(address) is not None


def _with(candidate: Candidate, measured: Measured, as_of: float) -> Candidate:
    """Return a candidate with what was measured; one that has answered since the list was made is in memory."""
    loaded = candidate.loaded or measured.used > max(as_of, time.time() - STAYS)
    rates = {"tok_s": measured.tok_s, "prompt_tok_s": measured.prompt_tok_s, "load_s": measured.load_s}
    return replace(candidate, loaded=loaded, **rates)


def machine_of(catalogue: Catalogue, here: frozenset[str], vram_gb: float | None = None) -> Machine:
    """Say what is known of this machine: its RAM from the system, its GPU from what is in memory now.

    A model that is on the GPU in part has filled it. One that is not there at all says that there is no GPU, if that
    holds for each provider here. Nothing else is known, and no vendor's tool is run for it.
    """
    ram = ram_gb() if all(each.provider in here for each in catalogue.sources) else None
    if vram_gb is not None:
        return Machine(vram_gb, ram)
    loaded = {name: _loaded(catalogue.models, name) for name in here}
    for models in loaded.values():
        if any(0 < each.size_gpu < each.size * WHOLE for each in models):
            return Machine(sum(each.size_gpu for each in models) / 1e9, ram)
    none = loaded and all(models and not any(each.size_gpu for each in models) for models in loaded.values())
    return Machine(0.0 if none else None, ram)


def ram_gb() -> float | None:
    """Return the memory of this machine in 10^9 bytes; None where the system does not say it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):  # Windows has no such call
        return None


def _loaded(models: Sequence[ListedModel], provider: str) -> list[LoadedModel]:
    return [each.loaded for each in models if each.provider == provider and each.loaded is not None]


def _seconds(iso: str) -> float:
    try:
        return datetime.fromisoformat(iso).timestamp()
    except ValueError:
        return 0.0
