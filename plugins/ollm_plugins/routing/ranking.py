"""How does a plugin's function rank candidates, so that its failure stays the plugin's?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from msgspec import Struct

from ollm.api import ContributedProfiles, HostContext, ModelInfo, Notice, Owned, RankContext, RoutingProfile
from ollm_plugins.routing.situation import Candidate, Rank


class Asked(Struct, frozen=True):
    """What a plugin's function gets to see beside the candidates.

    :param infos: what providers said of the candidates, by key; empty for a described situation
    """

    prompt: str = ""
    infos: Mapping[str, ModelInfo] = {}


def ranked_by(host: HostContext, contributed: ContributedProfiles, owned: Owned[RoutingProfile], asked: Asked) -> Rank:
    """Return a plugin's function as a situation has it."""

    def rank(candidates: Sequence[Candidate]) -> Mapping[str, float] | None:
        given = {each.key: asked.infos.get(each.key) or described(each) for each in candidates}
        answer = contributed.use(owned, "rank", RankContext(host, given, asked.prompt))
        scores = _scores(answer)
        if scores is None and answer is not None:
            whose = f"The profile {owned.item.name} of plugin '{owned.record.name}'"
            host.notify(Notice("routing-rank-failed", f"{whose} gave no numbers, so the usual score decides."))
        return scores

    return rank


def described(candidate: Candidate) -> ModelInfo:
    """Return what is known of a candidate as a provider would say it."""
    abilities = [each for each in ("tools", "vision", "thinking", "embedding") if getattr(candidate, each)]
    return ModelInfo(
        candidate.name,
        size=round(candidate.size_gb * 1e9) if candidate.size_gb else None,
        family=candidate.families[0] if candidate.families else "",
        parameters=f"{candidate.params:.1f}B" if candidate.params else "",
        context_window=candidate.context_window,
        capabilities=tuple(abilities if candidate.embedding else ["completion", *abilities]),
    )


def _scores(answer: Any) -> dict[str, float] | None:
    """Check what a stranger's function has returned."""
    if not isinstance(answer, Mapping):
        return None
    numbers = {str(key): value for key, value in answer.items() if isinstance(value, int | float) and not isnan(value)}
    return {key: float(value) for key, value in numbers.items()} if len(numbers) == len(answer) else None
