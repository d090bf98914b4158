"""What was learned, and how does it outlive the process? `tokens.json`, which several processes write to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field, structs

from ollm.api import Notice, file_lock, set_aside, write_atomically
from ollm_plugins.tokens.fit import Fitted, Observation, fit
from ollm_plugins.tokens.linear import dot
from ollm_plugins.tokens.pieces import NAMES
from ollm_plugins.tokens.prompt import EXTRAS

FILE: Final = "tokens.json"
VERSION: Final = 1
MOST_MODELS: Final = 64
"""Models beyond that are forgotten, the one that was used least lately first; the file stays under 250 kB."""

MOST_OBSERVATIONS: Final = 12
MOST_ERRORS: Final = 8
_THINKABLE: Final = 1e9
_PATIENCE: Final = 2.0  # seconds; closing may take three


class Miss(Struct, frozen=True):
    """How far an estimate was off.

    :param at: seconds since 1970; the observation's
    :param error: relative to the true length, without a sign
    """

    at: float
    error: float


class Learned(Struct, frozen=True):
    """What was learned about one model.

    :param model: its name, as its provider writes it
    :param turns: how many turns it was learned from
    :param used: when the last one was, in seconds since 1970
    :param scale: how many tokens it makes of one of the usual; 1 unless its tokenizer is like none known
    """

    model: str
    turns: int
    used: float
    misses: tuple[Miss, ...]
    observations: tuple[Observation, ...]
    fitted: Fitted
    scale: float = 1.0

    @classmethod
    def nothing(cls, model: str, scale: float = 1.0) -> Learned:
        """Return what is known of a model before any turn."""
        return cls(model, 0, 0.0, (), (), fit(model, (), scale), scale)

    @property
    def error(self) -> float | None:
        """The mean relative error of the last estimates, each made before its turn was learned from; None before any."""
        return sum(miss.error for miss in self.misses) / len(self.misses) if self.misses else None

    def is_sound(self) -> bool:
        """Whether its numbers are as many as this version of ollm counts, and such that one can reckon with them."""
        rows = [(self.fitted.pieces, self.fitted.extras), *((each.pieces, each.extras) for each in self.observations)]
        fits = all(len(pieces) == len(NAMES) and len(extras) == len(EXTRAS) for pieces, extras in rows)
        return fits and all(abs(number) < _THINKABLE for row in rows for part in row for number in part)


class _Content(Struct, frozen=True):
    """The file."""

    version: int = VERSION
    models: dict[str, Learned] = field(default_factory=dict)


def with_observation(learned: Learned, seen: Observation, error: float) -> Learned:
    """Learn from one more prompt.

    :param error: of the estimate that was made without it, relative, without a sign
    """
    observations = _kept((*learned.observations, seen))
    return Learned(
        learned.model,
        learned.turns + 1,
        seen.at,
        (*learned.misses, Miss(seen.at, error))[-MOST_ERRORS:],
        observations,
        fit(learned.model, observations, learned.scale),
        learned.scale,
    )


def with_miss(learned: Learned, at: float, error: float) -> Learned:
    """Note how well a prompt was estimated, without learning from it.

    :param at: when, in seconds since 1970
    :param error: as in `with_observation`
    """
    misses = (*learned.misses, Miss(at, error))[-MOST_ERRORS:]
    return structs.replace(learned, turns=learned.turns + 1, used=at, misses=misses)


def _kept(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """Keep the observations that say most: of two that are most alike, the older one goes.

    The prompts of one conversation each contain the last one, so a long one would push out all that others taught.
    """
    kept = list(observations)
    while len(kept) > MOST_OBSERVATIONS:
        pairs = ((_likeness(kept[i], later), i) for i in range(len(kept)) for later in kept[i + 1 :])
        del kept[max(pairs)[1]]
    return tuple(kept)


def _likeness(one: Observation, other: Observation) -> float:
    """Return how alike two prompts are in what they consist of: 1 is the same mixture."""
    sizes = dot(one.pieces, one.pieces) * dot(other.pieces, other.pieces)
    return dot(one.pieces, other.pieces) / (sqrt(sizes) or 1.0)


def _merged(ours: Learned, theirs: Learned | None, new: Iterable[float]) -> Learned:
    """Unite what this process and others have learned about a model.

    :param new: the moments of the observations that the file does not have yet
    """
    if theirs is None:
        return ours
    fresh = set(new)
    if theirs.turns + len(fresh) == ours.turns:  # nobody else has learned about it
        return ours
    mine = [each for each in ours.observations if each.at in fresh]
    observations = _kept(sorted((*theirs.observations, *mine), key=lambda each: each.at))
    misses = sorted({*theirs.misses, *(miss for miss in ours.misses if miss.at in fresh)}, key=lambda miss: miss.at)
    return Learned(
        ours.model,
        theirs.turns + len(fresh),
        max(ours.used, theirs.used),
        tuple(misses[-MOST_ERRORS:]),
        observations,
        fit(ours.model, observations, theirs.scale),
        theirs.scale,
    )


class Store:
    """The file.

    :param notify: tells the user one line; may be called from another thread
    """

    def __init__(self, home: Path, notify: Callable[[Notice], None]) -> None:
        self._path = home / FILE
        self._notify = notify

    def read(self) -> dict[str, Learned]:
        """Return what is known; a file that cannot be read is kept aside under another name, which is said."""
        try:
            content = msgspec.json.decode(self._path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._tell("tokens-not-read", f"{self._path} could not be read: {error.strerror or error}.")
            return {}
        except msgspec.DecodeError as error:
            self._set_aside(f"it is damaged ({error})")
            return {}
        if content.version != VERSION:
            self._set_aside(f"it has version {content.version}, and this ollm knows {VERSION}")
            return {}
        return {key: learned for key, learned in content.models.items() if learned.is_sound()}

    def write(
        self, learned: Mapping[str, Learned], new: Mapping[str, Iterable[float]], forgotten: Iterable[str] = ()
    ) -> dict[str, Learned]:
        """Add what is new to the file, and return all that it holds then.

        :param learned: what is known of the models that there is something new about
        :param new: the moments of the new observations
        :param forgotten: models whose part of the file is wrong
        :raises OllmError: it could not be written
        """
        with file_lock(self._path, timeout=_PATIENCE):
            return self._replaced(learned, new, forgotten)

    def _replaced(
        self, learned: Mapping[str, Learned], new: Mapping[str, Iterable[float]], forgotten: Iterable[str]
    ) -> dict[str, Learned]:
        models = self.read()
        for key in forgotten:
            models.pop(key, None)
        for key, mine in learned.items():
            models[key] = _merged(mine, models.get(key), new[key])
        kept = sorted(models, key=lambda key: models[key].used)[-MOST_MODELS:]
        content = _Content(models={key: models[key] for key in kept})
        write_atomically(self._path, msgspec.json.encode(content))
        return content.models

    def _set_aside(self, why: str) -> None:
        set_aside(self._path, why, "estimates start anew", self._notify, "tokens-set-aside")

    def _tell(self, code: str, text: str) -> None:
        self._notify(Notice(code, text))
