"""Which models may answer at the same time, and why?

Those that fit into memory together. The others answer one after another, each beginning when the one before it is done,
so that none is evicted in the middle of its answer. This decides and asks nobody; `facts` asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

from ollm.api import MemoryEstimate, MemoryNeed

Wish = Literal["", "parallel", "sequential"]
_UNKNOWN: Final = MemoryNeed()


class Wanted(Struct, frozen=True):
    """A model that is to answer.

    :param provider: empty when nobody lists the model, so that whoever has it answers
    :param label: what it is called while its name is hidden
    :param name: what it is called where the model's name means several
    """

    provider: str
    model: str
    digest: str = ""
    label: str = ""
    name: str = ""

    @property
    def key(self) -> str:
        """The name under which memory is reckoned."""
        return f"{self.provider}/{self.model}"

    @property
    def title(self) -> str:
        """Return what to call it."""
        return self.label or self.name or self.model


class Facts(Struct, frozen=True):
    """What the decision depends on.

    :param loaded: keys of the models in memory
    :param at_once: how many models a provider holds, for those that hold only so many
    """

    memory: MemoryEstimate = MemoryEstimate()
    loaded: frozenset[str] = frozenset()
    at_once: Mapping[str, int] = {}


class Plan(Struct, frozen=True):
    """Who answers when: lanes go on at the same time, the models of one lane one after another.

    :param lanes: places of the models, counted from 0
    """

    lanes: tuple[tuple[int, ...], ...]
    why: str

    @property
    def mode(self) -> str:
        """Return "parallel", "sequential" or "mixed"."""
        if all(len(lane) == 1 for lane in self.lanes):
            return "parallel"
        return "sequential" if len(self.lanes) == 1 else "mixed"

    @property
    def line(self) -> str:
        """Say it in one line."""
        told = {"parallel": "At the same time", "sequential": "One after another", "mixed": "Partly one after another"}
        return f"{told[self.mode]}: {self.why}."


def decide(models: Sequence[Wanted], facts: Facts, wish: Wish = "") -> Plan:
    """Decide which models answer at the same time."""
    everyone = tuple(range(len(models)))
    if wish == "sequential":
        return Plan((everyone,), "as you asked")
    lanes, why = ([(place,) for place in everyone], ["as you asked"]) if wish else _by_memory(models, facts)
    few = [name for name in facts.at_once if _crowded(name, models, facts)]
    for name in few:
        lanes = _joined(lanes, [place for place in everyone if models[place].provider == name])
        count = facts.at_once[name]
        who = "the provider" if any(each.label for each in models) else f"'{name}'"
        why.append(f"{who} holds {'one model' if count == 1 else f'{count} models'} at a time")
    if few and len(lanes) == 1:
        why = why[-len(few) :]
    return Plan(tuple(sorted(map(tuple, lanes))), ", and ".join(why))


def _crowded(provider: str, models: Sequence[Wanted], facts: Facts) -> bool:
    return len({each.model for each in models if each.provider == provider}) > facts.at_once[provider]


def _joined(lanes: Sequence[Sequence[int]], places: Sequence[int]) -> list[tuple[int, ...]]:
    """Put all lanes in which one of some places is into one."""
    touched = sorted(place for lane in lanes if {*lane} & {*places} for place in lane)
    return [tuple(touched), *(tuple(lane) for lane in lanes if not {*lane} & {*places})]


def _by_memory(models: Sequence[Wanted], facts: Facts) -> tuple[list[tuple[int, ...]], list[str]]:
    places = range(len(models))
    if all(each.key in facts.loaded for each in models):
        return [(place,) for place in places], ["all of them are in memory"]
    needs = [facts.memory.needs.get(each.key, _UNKNOWN) for each in models]
    here = [place for place in places if needs[place].here and needs[place].bytes != 0]
    away = _by_provider([place for place in places if not needs[place].here and needs[place].bytes != 0], models)
    lanes: list[tuple[int, ...]] = [(place,) for place in places if needs[place].bytes == 0]
    fits, why = _fits_here([models[place] for place in here], [needs[place].bytes for place in here], facts)
    lanes += [(place,) for place in here] if fits else [tuple(here)]
    said = [why] if why else []
    for provider, its in away.items():
        if len(its) > 1 and not all(models[place].key in facts.loaded for place in its):
            lanes.append(tuple(its))
            names = _listed([models[place].title for place in its])
            hidden = any(models[place].label for place in its)
            where = "the server that they are on" if hidden else f"'{provider}'"
            said.append(f"nobody knows the memory of {where}" if provider else f"nobody lists {names}")
        else:
            lanes += [(place,) for place in its]
    return [lane for lane in lanes if lane], said or ["no two of them are known to share a memory"]


def _by_provider(places: Iterable[int], models: Sequence[Wanted]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place in places:
        found.setdefault(models[place].provider, []).append(place)
    return found


def _fits_here(models: Sequence[Wanted], needs: Sequence[int | None], facts: Facts) -> tuple[bool, str]:
    """Say whether models fit into this machine's memory together, and why; fewer than two always do."""
    if len(models) < 2:  # noqa: PLR2004  (one has nobody to share with)
        return True, ""
    unknown = [each.title for each, need in zip(models, needs, strict=True) if need is None]
    if unknown:
        return False, f"nobody knows how much memory {_listed(unknown)} takes"
    if facts.memory.room is None:
        return False, "nobody knows how much memory there is"
    sizes = [need or 0 for need in needs]
    fits = sum(sizes) <= facts.memory.room
    told = _listed([_sized(each, size) for each, size in zip(models, sizes, strict=True)])
    where = f"{facts.memory.room / 1e9:.1f} GB {facts.memory.kind}".rstrip()
    return fits, f"{told} together {'fit' if fits else 'do not fit'} into {where}"


def _sized(model: Wanted, size: int) -> str:
    """Return a model with its size, which would tell who it is while its name is hidden."""
    return model.label or f"{model.title} ({size / 1e9:.1f} GB)"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
