"""What is said when no model qualifies? What is missing, and what to pull."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ollm_plugins.routing.qualify import SAFE_WINDOW, USABLE
from ollm_plugins.routing.situation import Candidate, Machine, Profile, Situation


class Offer(Struct, frozen=True):
    """A model of Ollama's library that can be pulled; sizes as the library shows them."""

    name: str
    gb: float
    window: int
    can: tuple[str, ...] = ()


OFFERS: Final = (
    Offer("qwen2.5-coder:7b", 4.7, 32_768, ("tools", "code")),
    Offer("qwen2.5-coder:3b", 1.9, 32_768, ("tools", "code")),
    Offer("gemma3:4b", 3.3, 131_072, ("vision",)),
    Offer("qwen3-vl:4b", 3.3, 262_144, ("tools", "vision", "thinking")),
    Offer("qwen3-vl:2b", 1.9, 262_144, ("tools", "vision", "thinking")),
    Offer("qwen3:8b", 5.2, 40_960, ("tools", "thinking")),
    Offer("qwen3:4b", 2.5, 262_144, ("tools", "thinking")),
    Offer("llama3.2:3b", 2.0, 131_072, ("tools",)),
    Offer("qwen3:1.7b", 1.4, 40_960, ("tools", "thinking")),
    Offer("nomic-embed-text:latest", 0.3, 2_048, ("embedding",)),
)
"""In the order in which they are offered."""


def nothing_qualifies(situation: Situation, profile: Profile) -> str:
    """Say in one line what is missing and what to pull."""
    offer = offered(situation, profile)
    remedy = f"; `ollm model pull {offer.name}` fetches one" if offer else ""
    return f"No model is chosen: {missing(situation, profile)}{remedy}."


def missing(situation: Situation, profile: Profile) -> str:
    """Say what no model has, beginning in lower case."""
    there = [each for each in situation.candidates if not each.barrier]
    if not there:
        away = next((each.barrier for each in situation.candidates), "")
        return f"no model is there to be asked ({away})" if away else "no model is installed"
    needs = tuple(dict.fromkeys((*situation.requirement.needs, *_wanted(profile))))
    alone = [need for need in needs if not any(_has(each, need) for each in there)]
    if alone:
        return f"no installed model has {' or '.join(alone)}"
    if needs and not any(all(_has(each, need) for need in needs) for each in there):
        return f"no installed model has {' and '.join(needs)} together"
    able = [each for each in there if all(_has(each, need) for need in needs)]
    tokens = situation.requirement.tokens
    if not any((each.context_window or SAFE_WINDOW) >= tokens for each in able):
        return f"no installed model has a window of {tokens} tokens"
    if "embedding" not in needs and all(each.embedding or each.kind == "other" for each in able):
        return "no installed model can chat"
    return f"no installed model that could do it {_rest(able)}"


def _rest(able: Sequence[Candidate]) -> str:
    if all(each.cloud for each in able):
        return "runs on this machine, and model.routing.cloud does not allow others"
    return "fits the memory of the machine"


def offered(situation: Situation, profile: Profile) -> Offer | None:
    """Return a model to pull that could do what is needed here; None if none of those that are known can."""
    needs = {*situation.requirement.needs, *_wanted(profile)}
    fitting = [
        each
        for each in OFFERS
        if needs.issubset(each.can)
        and each.window >= situation.requirement.tokens
        and ("embedding" in needs) == ("embedding" in each.can)
        and _installed(each.name, situation.candidates) is None
    ]
    fitting.sort(key=lambda each: ("code" in each.can) != (profile.name == "code"))
    roomy = [each for each in fitting if each.gb + 1 <= _room(situation.machine)]
    return next(iter(roomy or fitting), None)


def _installed(name: str, candidates: Sequence[Candidate]) -> Candidate | None:
    return next((each for each in candidates if each.name == name and not each.barrier), None)


def _wanted(profile: Profile) -> tuple[str, ...]:
    return tuple(each for each in profile.required if each in ("tools", "vision", "thinking", "embedding"))


def _has(candidate: Candidate, need: str) -> bool:
    return bool(getattr(candidate, need, False))


def _room(machine: Machine) -> float:
    """Return the memory in which a model runs well, in 10^9 bytes."""
    return machine.vram_gb or (machine.ram_gb * USABLE if machine.ram_gb else 8.0)
