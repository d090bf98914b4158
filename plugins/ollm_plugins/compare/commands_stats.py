"""What does the command do that says which models win?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ollm.api import CommandContext, Completes, Json, nearest, visible
from ollm_plugins.compare.store import Store, Tally
from ollm_plugins.compare.strength import Strength, strengths

_COLUMNS = ("model", "wins", "ties", "lost", "bad", "strength", "±", "tokens/s", "first token, loaded", "failed")
_SPARE = ("failed", "bad", "ties", "first token, loaded", "lost", "tokens/s")


def stats(
    ctx: CommandContext,
    *,
    profile: Annotated[
        str | None,
        typer.Option("--profile", help="Of prompts of this routing profile only.", metavar="NAME"),
        Completes("routing-profile"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which models win, and how fast they are.

    Strength is that of Bradley and Terry in points of Elo's scale: 0 is the average of the models, and one that has 400 more
    than another is preferred 10 times of 11. ± is one standard error.
    """
    store = Store(ctx.app.context)
    tallies, strong = store.tallies(profile), {each.model: each for each in strengths(store.pairs(profile))}
    found = sorted(_summed(tallies), key=lambda each: (-_points(strong.get(each.model)), each.model))
    if as_json:
        ctx.out.document({"profile": profile, "models": [_described(each, strong.get(each.model)) for each in found]})
        return
    if not found:
        ctx.out.print(_nothing(store, profile))
        return
    ctx.out.table(_COLUMNS, [_row(each, strong.get(each.model)) for each in found], _SPARE)


def _points(strength: Strength | None) -> float:
    return strength.points if strength else float("-inf")


def _nothing(store: Store, profile: str | None) -> str:
    known = sorted({each.profile for each in store.tallies()})
    if profile is None or not known:
        return "Nothing was compared yet"
    return f"Nothing was compared in the profile {visible(profile)}{nearest(profile, known)}"


def _summed(tallies: Sequence[Tally]) -> list[Tally]:
    """Add up what is known of each model, over all profiles; what was deleted leaves a model without anything."""
    found: dict[str, Tally] = {}
    names = Tally.__struct_fields__[2:]
    for each in tallies:
        before = found.get(each.model, Tally("", each.model, *[0] * len(names)))
        sums = (getattr(before, name) + getattr(each, name) for name in names)
        found[each.model] = Tally("", each.model, *sums)
    return [each for each in found.values() if each.shown or each.failed or each.tokens or each.firsts]


def _lost(tally: Tally) -> int:
    return tally.shown - tally.wins - tally.ties - tally.bad


def _row(tally: Tally, strength: Strength | None) -> tuple[object, ...]:
    points = (f"{strength.points:+.0f}", f"{strength.error:.0f}") if strength else ("-", "-")
    speed = f"{tally.tokens / tally.seconds:.1f}" if tally.seconds > 0 else "-"
    first = f"{tally.first_seconds / tally.firsts:.2f} s" if tally.firsts else "-"
    counts = (tally.wins, tally.ties, _lost(tally), tally.bad)
    return (tally.model, *counts, *points, speed, first, tally.failed)


def _described(tally: Tally, strength: Strength | None) -> dict[str, object]:
    return {
        "model": tally.model,
        "judged": tally.shown,
        "wins": tally.wins,
        "ties": tally.ties,
        "lost": _lost(tally),
        "bad": tally.bad,
        "failed": tally.failed,
        "strength": round(strength.points, 1) if strength else None,
        "strengthError": round(strength.error, 1) if strength else None,
        "tokensPerSecond": round(tally.tokens / tally.seconds, 2) if tally.seconds > 0 else None,
        "firstTokenWarmSeconds": round(tally.first_seconds / tally.firsts, 4) if tally.firsts else None,
    }
