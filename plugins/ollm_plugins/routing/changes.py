"""What would change a choice? The same decision, with one thing of the situation otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from ollm.api import replace
from ollm_plugins.routing.decide import Decision, decide
from ollm_plugins.routing.situation import Requirement, Situation

SHORT = Requirement(200, 200)


def changes(situation: Situation, decision: Decision) -> list[str]:
    """Return a sentence for each thing that would make another model answer."""
    mine = decision.chosen.key if decision.chosen else None
    found = []
    for condition, otherwise in _otherwise(situation, decision):
        other = decide(otherwise).chosen
        if other is not None and other.key != mine:
            found.append(f"{condition}, {other.name} would answer.")
    return found


def _otherwise(situation: Situation, decision: Decision) -> Iterator[tuple[str, Situation]]:
    """Yield what could be otherwise."""
    needed = situation.requirement
    if decision.pinned:
        yield "Without the pin", replace(situation, overrides={})
    if decision.chosen is not None:
        others = tuple(each for each in situation.candidates if each is not decision.chosen)
        yield f"Without {decision.chosen.name}", replace(situation, candidates=others)
    for need in needed.needs:
        rest = tuple(each for each in needed.needs if each != need)
        yield f"If {need} were not needed", replace(situation, requirement=replace(needed, needs=rest))
    if any(each.loaded for each in situation.candidates):
        idle = tuple(replace(each, loaded=False) for each in situation.candidates)
        yield "If no model were in memory", replace(situation, candidates=idle)
    if situation.comparisons:
        yield "Without your comparisons", replace(situation, comparisons=())
    if needed.tokens > SHORT.tokens:
        short = replace(needed, prompt_tokens=SHORT.prompt_tokens, output_tokens=SHORT.output_tokens)
        yield "With a short prompt and answer", replace(situation, requirement=short)
    if not situation.cloud and any(each.cloud for each in situation.candidates):
        yield "If model.routing.cloud allowed it", replace(situation, cloud=True)
    for name in situation.profiles:
        if name != situation.profile and situation.profiles[name].rank is None:
            yield f"With the profile {name}", replace(situation, profile=name)
