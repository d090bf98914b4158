"""Which model answers?

One pure function: a situation goes in, a decision comes out, whose reasons can be told. Hard limits first; then a pin;
then the sum of all parts of the score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from ollm.api import Notice, meant, nearest, replace
from ollm_plugins.routing.lacking import nothing_qualifies
from ollm_plugins.routing.qualify import obstacles, wishes
from ollm_plugins.routing.score import counting, parts_of, place_in, preferences, style_of, worth_of
from ollm_plugins.routing.seconds import Estimate, estimate, pace_of
from ollm_plugins.routing.situation import Candidate, Profile, Situation


class Judged(Struct, frozen=True, gc=False):
    """A candidate that qualifies.

    :param parts: the score, in the order of `score.PARTS`
    :param rank: what the profile's own function or its order of families gives it; None without either
    """

    candidate: Candidate
    parts: tuple[float, ...]
    estimate: Estimate
    rank: float | None = None

    @property
    def total(self) -> float:
        """The sum of the parts."""
        return sum(self.parts)


class Rejected(Struct, frozen=True, gc=False):
    """A candidate that does not qualify, and every reason for it."""

    candidate: Candidate
    obstacles: tuple[str, ...]


class Decision(Struct, frozen=True):
    """Who answers, and why.

    :param profile: whose choice it is, after all fallbacks
    :param asked: the names of all profiles that were asked, that one last
    :param ranking: those that qualify, the best first; a pinned one comes first
    :param pinned: whether the user pinned the chosen one
    """

    profile: Profile
    chosen: Candidate | None
    ranking: tuple[Judged, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    pinned: bool = False
    notices: tuple[Notice, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def runner_up(self) -> Candidate | None:
        """Who would answer if the chosen one were not there."""
        return self.ranking[1].candidate if len(self.ranking) > 1 else None


def decide(situation: Situation) -> Decision:
    """Decide."""
    decision = _by_profile(situation, situation.profiles[situation.profile], (situation.profile,))
    return replace(decision, notices=(*_away(situation, decision), *decision.notices))


def _away(situation: Situation, decision: Decision) -> Iterator[Notice]:
    """Yield a line for each provider that is asked before the one that answers, and is away."""
    for name, problem in situation.providers if decision.chosen else ():
        if decision.chosen and name == decision.chosen.provider:
            return
        if problem and decision.chosen:
            who = f"{decision.chosen.name} of '{decision.chosen.provider}'"
            yield Notice(
                "routing-provider-away", f"{problem}: routing chooses among the others' models, and {who} answers."
            )


def _by_profile(situation: Situation, profile: Profile, asked: tuple[str, ...]) -> Decision:
    able, rejected = _sorted_out(situation)
    pin, notices = _pinned(situation, profile, rejected)
    embeds = "embedding" in situation.requirement.needs  # what a profile asks for is about answers
    fitting = [each for each in able if embeds or not wishes(each, profile)]
    suited = [each for each in fitting if _is_suited(each, profile)]
    if pin is None and not suited and profile.fallback in situation.profiles and profile.fallback not in asked:
        return _fallen_back(situation, profile, notices, asked, able=bool(fitting))
    if pin is None and able and not fitting:
        fitting, told = _nearly(able, profile)
        notices += told
    if pin is None and not suited:
        notices += tuple(_unsuited(situation, profile, able=bool(fitting)))
    kept = {id(each) for each in (*fitting, pin)}  # comparing models part by part takes its time
    rejected += [Rejected(each, wishes(each, profile)) for each in able if id(each) not in kept]
    if not fitting and pin is None:
        missing = Notice("routing-nothing-qualifies", nothing_qualifies(situation, profile))
        return Decision(profile, None, (), tuple(rejected), notices=(*notices, missing), asked=asked)
    judgements = counting(situation.comparisons, asked)
    best = _best(replace(situation, comparisons=judgements), profile, fitting, pin, asked)
    return replace(best, rejected=tuple(rejected), notices=(*notices, *best.notices))


def _best(
    situation: Situation,
    profile: Profile,
    fitting: Sequence[Candidate],
    pin: Candidate | None,
    asked: tuple[str, ...],
) -> Decision:
    among = [*fitting] if pin is None or any(each is pin for each in fitting) else [*fitting, pin]
    ranking = _ranked(situation, profile, among)
    if pin is not None:
        ranking.sort(key=lambda judged: judged.candidate is not pin)
    chosen = ranking[0].candidate
    notices = _preferred_but_gone(situation, fitting, chosen, asked)
    return Decision(profile, chosen, tuple(ranking), (), pin is not None, notices, asked)


def _sorted_out(situation: Situation) -> tuple[list[Candidate], list[Rejected]]:
    """Part those that can do what is needed from the others."""
    able, rejected = [], []
    requirement, machine, cloud = situation.requirement, situation.machine, situation.cloud
    for each in situation.candidates:
        found = obstacles(each, requirement, machine, cloud=cloud)
        if found:
            rejected.append(Rejected(each, found))
        else:
            able.append(each)
    return able, rejected


def _pinned(
    situation: Situation, profile: Profile, rejected: list[Rejected]
) -> tuple[Candidate | None, tuple[Notice, ...]]:
    """Return the model that the user pins to a profile if it can do what is needed, else a line why not."""
    name = situation.overrides.get(profile.name)
    if not name:
        return None, ()
    where = f"model.routing.overrides.{profile.name} names {name}"
    found = _named(name, situation.candidates)
    if found is None:
        return None, (Notice("routing-pin-missing", f"{where}, which is not installed, so another model answers."),)
    problems = obstacles(found, situation.requirement, situation.machine, pinned=True)
    if problems:
        text = f"{where}, which {' and '.join(problems)}, so another model answers."
        return None, (Notice("routing-pin-unfit", text),)
    rejected[:] = [each for each in rejected if each.candidate is not found]
    return found, ()


def _named(name: str, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that a name means, "model" or "provider/model"."""
    by_key = {each.key: each for each in candidates}
    if name in by_key:
        return by_key[name]
    wanted = meant(name, [each.name for each in candidates])
    same = [each for each in candidates if each.name == wanted]
    return next((each for each in same if not each.barrier), same[0] if same else None)


def _is_suited(candidate: Candidate, profile: Profile) -> bool:
    """Whether a model is what a profile is for; a profile that names no families, or only likes some, takes any."""
    if not profile.families or profile.rank is not None or (profile.builtin and profile.name != "code"):
        return True
    if profile.name in candidate.profiles and candidate.kind != "base":
        return True
    if profile.builtin:
        return candidate.kind == "code"
    return place_in(profile.families, candidate) is not None


def _fallen_back(
    situation: Situation, profile: Profile, notices: tuple[Notice, ...], asked: tuple[str, ...], *, able: bool
) -> Decision:
    fallback = situation.profiles[profile.fallback or ""]
    why = _no_family(profile) if able else f"no installed model is fit for {profile.name}"
    decision = _by_profile(situation, fallback, (*asked, fallback.name))
    if decision.chosen is None:
        return replace(decision, notices=notices + decision.notices)
    text = f"Routing fell back from the profile {profile.name} to {fallback.name}: {why}, so {decision.chosen.name} answers."
    return replace(decision, notices=(*notices, Notice("routing-fallback", text), *decision.notices))


def _unsuited(situation: Situation, profile: Profile, *, able: bool) -> Iterator[Notice]:
    """Yield what the user must know when no model is what a profile is for, and nothing is fallen back to."""
    if profile.fallback and profile.fallback not in situation.profiles:
        text = f"The profile {profile.name} falls back to {profile.fallback}, and there is no such profile"
        near = nearest(profile.fallback, [*situation.profiles])
        yield Notice("routing-fallback-unknown", f"{text}{near}" if near else f"{text}.")
    if able and profile.families and not profile.builtin:
        why = _no_family(profile)
        yield Notice("routing-family-missing", f"{why[:1].upper()}{why[1:]}, so another model answers.")


def _no_family(profile: Profile) -> str:
    if profile.builtin:
        return f"no installed model that qualifies is made for {profile.name}"
    return (
        f"no installed model that qualifies is of {' or '.join(profile.families)}, as the profile {profile.name} wishes"
    )


def _nearly(able: list[Candidate], profile: Profile) -> tuple[list[Candidate], tuple[Notice, ...]]:
    """Take models with a smaller window than a profile asks for, since the prompt fits; never without an ability."""
    relaxed = replace(profile, min_context=0)
    fitting = [each for each in able if not wishes(each, relaxed)]
    if not fitting:
        return [], ()
    text = f"No installed model has the {profile.min_context} tokens that the profile {profile.name} asks for; this prompt fits."
    return fitting, (Notice("routing-window-small", text),)


def _ranked(situation: Situation, profile: Profile, fitting: Sequence[Candidate]) -> list[Judged]:
    """Sort models, the best first: by the profile's own function if it has one, then by the score."""
    given = profile.rank(fitting) if profile.rank else _by_family(profile, fitting)
    style, pace = style_of(profile), pace_of(situation.machine, situation.candidates)
    liked = preferences(situation.comparisons, [each.name for each in fitting])
    judged = []
    for each in fitting:
        time = estimate(each, situation.requirement, situation.machine, pace)
        parts = parts_of(each, profile, style, time, liked.get(each.name, 0.0))
        rank = None if given is None else given.get(each.key, float("-inf"))
        judged.append(Judged(each, parts, time, rank))
    return sorted(judged, key=_order)


def _by_family(profile: Profile, fitting: Sequence[Candidate]) -> Mapping[str, float] | None:
    """Rank by family where somebody wrote the profile to have these: the first family goes before all others."""
    if profile.builtin or not profile.families:
        return None
    places = {each.key: place_in(profile.families, each) for each in fitting}
    return {key: 0.0 if place is None else float(len(profile.families) - place) for key, place in places.items()}


def _order(judged: Judged) -> tuple[float, float, float, str]:
    return -(judged.rank or 0.0), -judged.total, judged.candidate.size_gb or 0.0, judged.candidate.key


def _preferred_but_gone(
    situation: Situation, fitting: Sequence[Candidate], chosen: Candidate, asked: Sequence[str]
) -> tuple[Notice, ...]:
    """Say so when the user clearly prefers a model that is not there, or cannot do what is needed."""
    names = [each.name for each in fitting]
    for each in situation.comparisons:
        worth = worth_of(each)
        winner = each.a if worth > 0 else each.b
        if not worth or meant(winner, names) is not None:
            continue
        known = _named(winner, situation.candidates) is not None
        why = "does not qualify here" if known else "is not installed"
        text = f"In {' and '.join(asked)} you prefer {winner}, which {why}, so {chosen.name} answers."
        return (Notice("routing-preferred-gone", text),)
    return ()
