"""How is a decision explained, to people and to programs?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ollm_plugins.routing.changes import changes
from ollm_plugins.routing.decide import Decision, Judged
from ollm_plugins.routing.lacking import missing
from ollm_plugins.routing.score import PARTS, READING_TOK_S, place_in
from ollm_plugins.routing.situation import Candidate, Profile, Situation

_LEAST = 0.05
"""A part that differs by less decides nothing."""


def document(situation: Situation, decision: Decision) -> dict[str, Any]:
    """Return a decision for programs, with keys as in the files that describe situations."""
    chosen, second = decision.chosen, decision.runner_up
    return {
        "chosen": chosen.name if chosen else None,
        "provider": chosen.provider or None if chosen else None,
        "profile": decision.profile.name,
        "asked_profile": situation.profile,
        "pinned": decision.pinned,
        "reasons": reasons(situation, decision),
        "rejected": [{"name": each.candidate.name, "reasons": [*each.obstacles]} for each in decision.rejected],
        "runner_up": second.name if second else None,
        "notices": [{"code": each.code, "text": each.text} for each in (*situation.notices, *decision.notices)],
        "changes": changes(situation, decision),
        "candidates": [_scored(each) for each in decision.ranking],
        "requirement": {  # under the names that a file for --what-if has
            "prompt_tokens": situation.requirement.prompt_tokens,
            "output_tokens": situation.requirement.output_tokens,
            "needs": situation.requirement.needs,
        },
        "machine": {"vram_gb": situation.machine.vram_gb, "ram_gb": situation.machine.ram_gb},
    }


def _scored(judged: Judged) -> dict[str, Any]:
    candidate, time = judged.candidate, judged.estimate
    return {
        "name": candidate.name,
        "provider": candidate.provider or None,
        "score": round(judged.total, 3),
        "parts": {name: round(part, 3) for name, part in zip(PARTS, judged.parts, strict=True)},
        "rank": judged.rank if judged.rank is None or abs(judged.rank) != float("inf") else None,
        "seconds": {
            "load": round(time.load, 2),
            "prompt": round(time.prompt, 2),
            "thinking": round(time.thinking, 2),
            "answer": round(time.answer, 2),
        },
        "tok_s": round(time.tok_s, 1),
        "measured": candidate.tok_s is not None,
        "loaded": candidate.loaded,
    }


def rows(decision: Decision) -> Iterator[tuple[str, ...]]:
    """Yield a line of a table for each candidate: score by part, expected time, or what disqualifies it."""
    for place, judged in enumerate(decision.ranking):
        mark = "chosen" if place == 0 else "runner-up" if place == 1 else ""
        parts = (f"{part:+.2f}" if round(part, 2) else "" for part in judged.parts)
        time = f"{judged.estimate.total:.0f} s"
        yield judged.candidate.name, mark, f"{judged.total:.2f}", *parts, time
    for rejected in decision.rejected:
        yield rejected.candidate.name, "; ".join(rejected.obstacles), *[""] * (len(PARTS) + 2)


COLUMNS = ("model", "", "score", *PARTS, "expected")


def reasons(situation: Situation, decision: Decision) -> list[str]:
    """Return why it is this one: what decides first, then what speaks for the runner-up."""
    if decision.chosen is None:
        return [_sentence(missing(situation, decision.profile))]
    return [*_decisive(decision), *_cautions(decision.ranking[0])]


def _decisive(decision: Decision) -> Iterator[str]:
    first, name = decision.ranking[0], decision.profile.name
    if decision.pinned:
        yield f"model.routing.overrides.{name} names it, and it can do what is needed."
        return
    if len(decision.ranking) == 1:
        yield "It is the only model that qualifies."
        return
    second = decision.ranking[1]
    if first.rank is not None and first.rank != second.rank:
        yield _ranked_first(first, second, decision.profile)
        return
    yield from _compared(first, second, decision)


def _ranked_first(first: Judged, second: Judged, profile: Profile) -> str:
    if profile.rank is not None:
        other = "none" if second.rank == float("-inf") else f"{second.rank:g}"
        return f"The profile {profile.name} ranks it first by its own function ({first.rank:g} against {other})."
    mine = profile.families[place_in(profile.families, first.candidate) or 0]
    place = place_in(profile.families, second.candidate)
    other = "all that it does not name" if place is None else profile.families[place]
    return f"In the families of the profile {profile.name}, {mine} goes before {other}."


def _compared(first: Judged, second: Judged, decision: Decision) -> Iterator[str]:
    """Compare two models part by part, the heaviest difference first."""
    gaps = [(mine - other, part) for part, mine, other in zip(PARTS, first.parts, second.parts, strict=True)]
    for gap, part in sorted(gaps, reverse=True):
        if abs(gap) < _LEAST:
            continue
        good, bad = (first, second) if gap > 0 else (second, first)
        text = _why(part, good, bad, decision)
        yield f"{text} ({gap:+.2f})." if gap > 0 else f"But {text[0].lower()}{text[1:]} ({gap:+.2f})."


def _why(part: str, good: Judged, bad: Judged, decision: Decision) -> str:
    one, other, profile = good.candidate, bad.candidate, decision.profile
    if part == "task":
        return f"For {profile.name}, {one.name} is a better fit than {other.name}: {_fit(one, other, profile)}"
    if part == "seconds":
        return (
            f"With {one.name} it takes about {good.estimate.total:.0f} s, with {other.name} {bad.estimate.total:.0f} s"
        )
    if part == "preference":
        return f"Your comparisons in {' and '.join(decision.asked)} speak for {one.name} rather than {other.name}"
    if part == "loaded":
        return f"{one.name} is in memory already"
    return f"{one.name} is smaller than {other.name}"


def _fit(one: Candidate, other: Candidate, profile: Profile) -> str:
    """Say in what a model fits better, as far as it can be put into words."""
    found = []
    if one.kind != other.kind and "base" in (one.kind, other.kind):
        found.append("it follows instructions, and the other only completes text")
    elif one.kind != other.kind and "code" in (one.kind, other.kind):
        found.append("made for code" if one.kind == "code" else "not made for code only")
    if one.released - other.released > 0.2:  # noqa: PLR2004  (a quarter of a year)
        found.append(f"newer ({_month(one.released)} against {_month(other.released)})")
    if one.params > other.params * 1.15:
        found.append(f"larger ({one.params:.3g} against {other.params:.3g} billion parameters)")
    if one.thinks and not other.thinks:
        found.append("it thinks before it answers")
    mine, theirs = place_in(profile.families, one), place_in(profile.families, other)
    if mine is not None and (theirs is None or mine < theirs):
        found.append("a family that the profile prefers")
    if profile.name in one.profiles and profile.name not in other.profiles:
        found.append(f"known to suit {profile.name}")
    return ", ".join(found) or "on the whole"


def _cautions(judged: Judged) -> Iterator[str]:
    """Say what is not good about the chosen one."""
    time = judged.estimate
    if time.spilled:
        yield f"The GPU has no room for {time.spilled:.0%} of it."
    if time.tok_s < READING_TOK_S:
        yield f"Expect about {time.tok_s:.1f} tokens a second, slower than one reads."
    if judged.candidate.kind == "base":
        yield "It only completes text: it was not made to answer."


def _month(released: float) -> str:
    return f"{int(released)}-{round(released % 1 * 12) + 1:02d}"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if not text.startswith("no installed") else f"{text}."
