"""What is remembered of a provider, and which of it still holds?

Several processes remember, so what each knows is merged: for each entry the answer that was asked for last wins, and
one that was asked for before a model was changed or deleted is not used any more. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import MsgspecError, Raw, Struct, json

from ollm.api import ModelInfo

SHOWN = 64
"""Models of which everything is remembered; it is about 20 kB each, mostly licence and template."""

CHANGES = 3600.0
"""Seconds for which a change is remembered. No answer that was asked for before it comes later than that."""

_SKEW = 5.0
"""Seconds that an answer may come from the future before a clock must have been set back."""


class Showing(Struct, frozen=True):
    """What a provider has said of one model.

    :param asked: when it was asked
    :param digest: of the model; empty when nobody knows
    :param info: a `ModelInfo`, decoded when it is needed
    """

    asked: float
    digest: str
    info: Raw


class Memory(Struct, frozen=True):
    """What a provider has said.

    :param seconds: that it takes to answer; 0 when nobody has measured it
    :param asked: when it was asked for its models; 0 when it never was
    :param models: list of `ModelInfo`, decoded when it is needed
    :param shows: what it said of single models, by their listed names
    :param changed: when models came or became others
    :param outdated: by name, up to when the answers of `shows` do not hold
    :param deleted: when models were deleted
    """

    version: Literal[1] = 1
    seconds: float = 0.0
    asked: float = 0.0
    models: Raw = Raw(b"[]")
    shows: dict[str, Showing] = {}
    changed: float = 0.0
    outdated: dict[str, float] = {}
    deleted: dict[str, float] = {}

    def list_holds(self, since: float, now: float) -> bool:
        """Whether the list was asked for in a span of time, and no model has changed since."""
        return since <= self.asked <= now and self.asked > self.changed


def encoded(value: Any) -> Raw:
    """Encode an answer; what JSON cannot hold becomes null.

    :raises ValueError: it cannot be encoded at all
    """
    try:
        return Raw(json.encode(value, enc_hook=lambda _: None))
    except (TypeError, OverflowError, RecursionError, MsgspecError) as error:
        raise ValueError(str(error)) from error


def merged(old: Memory, new: Memory, now: float) -> Memory:
    """Put together what two have remembered."""
    listing = max((new, old), key=lambda each: _order(each.asked, now))
    outdated = _latest(old.outdated, new.outdated, listing.asked, now)
    deleted = _latest(old.deleted, new.deleted, listing.asked, now)
    shows = dict(old.shows)
    for name, show in new.shows.items():
        if name not in shows or _order(show.asked, now) >= _order(shows[name].asked, now):
            shows[name] = show
    for name, time in (*outdated.items(), *deleted.items()):
        if name in shows and shows[name].asked <= time:
            del shows[name]
    return Memory(
        seconds=new.seconds or old.seconds,
        asked=listing.asked,
        models=listing.models,
        shows=_newest(shows),
        changed=max(_order(old.changed, now), _order(new.changed, now)),
        outdated=outdated,
        deleted=deleted,
    )


def models_of(memory: Memory) -> tuple[ModelInfo, ...]:
    """Decode the list, without what was deleted since.

    :raises msgspec.DecodeError: it is not what this version writes
    """
    listed = json.decode(memory.models, type=tuple[ModelInfo, ...])
    gone = {name for name, time in memory.deleted.items() if time >= memory.asked}
    return tuple(model for model in listed if model.name not in gone) if gone else listed


def info_of(show: Showing) -> ModelInfo:
    """Decode what was said of one model.

    :raises msgspec.DecodeError: it is not what this version writes
    """
    return json.decode(show.info, type=ModelInfo)


def _order(time: float, now: float) -> float:
    """Return what times are compared by: one from the future is none."""
    return time if time <= now + _SKEW else 0.0


def _latest(some: Mapping[str, float], others: Mapping[str, float], listed: float, now: float) -> dict[str, float]:
    """Put times together by name, without those that no answer can be older than any more."""
    found: dict[str, float] = {}
    for name, time in (*some.items(), *others.items()):
        if time <= now + _SKEW and (now - time < CHANGES or time >= listed):
            found[name] = max(time, found.get(name, 0.0))
    return found


def _newest(shows: dict[str, Showing]) -> dict[str, Showing]:
    if len(shows) <= SHOWN:
        return shows
    kept = sorted(shows, key=lambda name: shows[name].asked, reverse=True)[:SHOWN]
    return {name: shows[name] for name in kept}
