"""How good is a model for a profile, part by part?

Every part is in one unit: a point is worth as much as twice the size of a model. So all parts can be added, and each
says how much it weighs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import comb, erfc, inf, log2, sqrt
from typing import Final

from msgspec import Struct

from ollm.api import Comparison, meant
from ollm_plugins.routing.lines import UNKNOWN_RELEASE
from ollm_plugins.routing.seconds import Estimate
from ollm_plugins.routing.situation import Candidate, Profile

PARTS: Final = ("task", "seconds", "preference", "loaded", "smaller")

BASE: Final = -6.0
"""A model that only completes text is worse than any that answers."""
SPILLED: Final = -1.0
"""A model that the GPU has no room for also reads long prompts slowly, and takes memory from everything else."""
READING_TOK_S: Final = 8.0
"""Below about 8 tokens a second one waits for each word: people read 240 words a minute, with 1.3 tokens each."""
SLOWER_THAN_READING: Final = 1.5
LOADED: Final = 0.5
"""Beside the time that loading takes: it would push another model out of memory, which may be wanted next."""
PER_GB: Final = -0.01
"""Of two that are alike, the smaller one: its memory is of use to others."""
SUITS: Final = 0.4
"""The database of limits says that it suits the profile."""
FAMILY: Final = 0.4
"""What the first family of a built-in profile is worth: little, since which families are best changes every few months."""
SURE: Final = 0.05
"""So improbable must a preference be by chance (a sign test of one side) before it counts: 2 wins of 3 have 0.5."""
PREFERENCE: Final = 2.0
"""What odds of two to one are worth: as much as four times the size, since it is the user who says so."""
_MANY: Final = 500
"""Judgements from which on the normal distribution is as good as the exact one."""


class Style(Struct, frozen=True):
    """What counts in a profile.

    :param worth: of a model twice the size
    :param time: cost of twice the time
    :param patience: seconds up to which time hardly counts
    :param code: worth of being made for code
    :param special: worth of being made for one field
    :param thinks: worth of thinking first. The time that it takes is counted as well
    :param must_think: the same of a model that cannot do otherwise, also where it need not
    :param year: worth of a year of progress beyond what `lines.strength` counts
    :param enough: strength beyond which more is worth a quarter; 3 is that of 8 billion parameters of 2024
    """

    worth: float
    time: float
    patience: float
    code: float
    special: float
    thinks: float
    must_think: float
    year: float = 0.0
    enough: float = inf


STYLES: Final[Mapping[str, Style]] = {
    "fast": Style(worth=0.7, time=1.5, patience=2.0, code=-0.5, special=-2.0, thinks=-0.7, must_think=-1.5, enough=3.0),
    "general": Style(worth=1.0, time=1.0, patience=10.0, code=-0.8, special=-2.0, thinks=0.5, must_think=0.0),
    "code": Style(worth=1.0, time=1.0, patience=10.0, code=1.5, special=-2.0, thinks=0.4, must_think=0.2, year=1.0),
    "creative": Style(worth=1.0, time=0.7, patience=15.0, code=-1.5, special=-2.0, thinks=0.0, must_think=0.0),
}
"""Who wants it fast wants the first word soon, which thinking delays, and is content with a small model. Coders have grown better faster than others: in
their makers' reports qwen2.5-coder:1.5b (2024-11) solves more of HumanEval than codellama:34b (2023-08), 71 to 49 in 100.
"""


def style_of(profile: Profile) -> Style:
    """Return what counts; a profile that somebody wrote is as `general`, but for what it says itself."""
    return STYLES.get(profile.name, STYLES["general"]) if profile.builtin else STYLES["general"]


def parts_of(
    candidate: Candidate, profile: Profile, style: Style, estimate: Estimate, preference: float
) -> tuple[float, ...]:
    """Return the score by part, in the order of `PARTS`."""
    return (
        _task(candidate, profile, style),
        _seconds(style, estimate),
        preference,
        LOADED if candidate.loaded and not estimate.load else 0.0,
        PER_GB * (candidate.size_gb or 0.0),
    )


def place_in(families: Sequence[str], candidate: Candidate) -> int | None:
    """Return which of some families a model is of, counted from 0; "qwen" also means its generations, qwen2 and so on.

    What is compared is what the server or the database calls the family, never the model's name.
    """
    return _place(tuple(families), candidate.families) if families else None


@lru_cache(maxsize=4096)
def _place(families: tuple[str, ...], mine: tuple[str, ...]) -> int | None:
    for place, family in enumerate(families):
        wanted = family.lower()
        if any(_is_of(each, wanted) for each in mine):
            return place
    return None


def _is_of(family: str, wanted: str) -> bool:
    return family == wanted or (family.startswith(wanted) and family[len(wanted)].isdigit())


def _task(candidate: Candidate, profile: Profile, style: Style) -> float:
    strength = candidate.strength
    if strength > style.enough:
        strength = style.enough + (strength - style.enough) / 4
    worth = strength * style.worth + style.year * (candidate.released - UNKNOWN_RELEASE)
    kind = candidate.kind
    if kind == "base":
        worth += BASE
    elif kind == "code":
        worth += style.code
    elif kind == "special":
        worth += style.special
    if candidate.thinks:
        worth += style.thinks if candidate.thinks == "can" else style.must_think
    if profile.name in candidate.profiles:
        worth += SUITS
    place = place_in(profile.families, candidate) if profile.builtin else None
    if place is not None:
        worth += FAMILY * (1 - place / (2 * len(profile.families)))
    return worth


def _seconds(style: Style, estimate: Estimate) -> float:
    cost = style.time * log2(1 + estimate.total / style.patience)
    if estimate.tok_s < READING_TOK_S:
        cost += SLOWER_THAN_READING * log2(READING_TOK_S / estimate.tok_s)
    return -cost + (SPILLED if estimate.spilled > 0.02 else 0.0)  # noqa: PLR2004  (less is within the guess)


def counting(comparisons: Sequence[Comparison], asked: Sequence[str]) -> tuple[Comparison, ...]:
    """Return the judgements that count where some profiles were asked one after the other, each pair of models once.

    They are added up from the first profile on until they are clear: what was judged in the kind of work that is asked
    for goes before what was judged in the kind that is fallen back to, and either helps where the other is too little.
    """
    found: dict[tuple[str, str], Comparison] = {}
    for profile in asked:
        clear = {pair for pair, each in found.items() if worth_of(each)}
        for each in comparisons:
            pair = (each.a, each.b) if each.a <= each.b else (each.b, each.a)
            if each.profile == profile and pair not in clear:
                found[pair] = _added(found.get(pair, Comparison(profile, *pair, 0, 0)), each)
    return tuple(found.values())


def _added(sum_: Comparison, more: Comparison) -> Comparison:
    wins = (more.wins_a, more.wins_b) if more.a == sum_.a else (more.wins_b, more.wins_a)
    return Comparison(more.profile, sum_.a, sum_.b, sum_.wins_a + wins[0], sum_.wins_b + wins[1])


def preferences(comparisons: Sequence[Comparison], names: Sequence[str]) -> dict[str, float]:
    """Return what the user's judgements are worth to each model among some, by name.

    :param comparisons: those that count, see `counting`

    A pair of which one is not there says nothing about the other. What is counted is shrunk: two more judgements for
    each side are added before odds are reckoned, and nothing counts that may as well be chance.
    """
    found: dict[str, float] = {}
    for each in comparisons:
        worth = worth_of(each)
        a, b = (meant(each.a, names), meant(each.b, names)) if worth else (None, None)
        if a is not None and b is not None:
            found[a] = found.get(a, 0.0) + worth / 2
            found[b] = found.get(b, 0.0) - worth / 2
    return found


def worth_of(comparison: Comparison) -> float:
    """Return by how much the first model is preferred to the second: negative if it is the other way round."""
    wins, losses = comparison.wins_a, comparison.wins_b
    if chance(max(wins, losses), wins + losses) > SURE:
        return 0.0
    return PREFERENCE * log2((wins + 2) / (losses + 2))


def chance(wins: int, of: int) -> float:
    """Return how probable so many wins, or more, are if nobody is better."""
    if of > _MANY:
        return erfc((wins - 0.5 - of / 2) / sqrt(of / 2)) / 2
    return float(sum(comb(of, each) for each in range(wins, of + 1)) / 2**of)
