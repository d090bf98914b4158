"""What does the status bar show of models in memory?"""

from __future__ import annotations

import time

from ollm.api import StatusContext
from ollm_plugins.keepalive.durations import rough
from ollm_plugins.keepalive.keeper import Keeper, Seen, keeper_of


def render(ctx: StatusContext) -> str | None:
    """Name the models in memory, the one that goes next at the end; from what was seen last, counted down."""
    keeper = keeper_of(ctx.host)
    now = time.monotonic()
    models = [each for some in list(keeper.seen.values()) for each in some]
    there = sorted((each for each in models if each.deadline is None or each.deadline > now), key=_stays, reverse=True)
    if not there:
        return None
    several = len({each.provider for each in there}) > 1
    texts = [_text(keeper, each, now, named=several) for each in there]
    goes_next = len(there) > 1 and not keeper.is_kept(there[-1].key) and there[-1].deadline is not None
    return " · ".join(texts) + (" (next out)" if goes_next else "")


def _stays(model: Seen) -> float:
    return float("inf") if model.deadline is None else model.deadline


def _text(keeper: Keeper, model: Seen, now: float, *, named: bool) -> str:
    name = f"{model.name} ({model.provider})" if named else model.name
    if keeper.is_kept(model.key):
        return f"{name} kept"
    return f"{name} stays" if model.deadline is None else f"{name} {rough(model.deadline - now)}"
