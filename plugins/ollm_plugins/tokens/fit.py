"""How is a model's tokenizer learned from the lengths of a few prompts?

A prompt's length says one thing about a tokenizer with 65 weights, so what is known of tokenizers must do the rest. Each
of `profiles` is tried: how well does it explain the lengths, with little changes (all its weights by some per cent, and
the weights of words, signs, digits, spaces and other scripts, each as a group), and with what for the template? The
result is the mean of all, each as likely as its explanation is (Bayesian regression and model averaging). Lengths that
do not fit the others count less (Huber).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from math import exp, log
from typing import Final

from msgspec import Struct

from ollm_plugins.tokens.linear import Matrix, dot, factor, log_determinant, solve
from ollm_plugins.tokens.pieces import NAMES
from ollm_plugins.tokens.profiles import UNKNOWN, Weights, likelihood, profiles
from ollm_plugins.tokens.prompt import EXTRAS

_EXTRAS: Final = {
    "request": (12.0, 15.0),
    "message": (5.0, 1.5),
    "no_system": (4.0, 12.0),
    "tools": (60.0, 60.0),
    "tool_signs": (0.0, 0.3),
    "thinking_signs": (0.3, 0.35),
    "calls": (8.0, 8.0),
}
"""What a template is expected to add for each of `EXTRAS`, in tokens, and its standard deviation.

Measured on recorded prompts and on the templates of ChatML, Llama 2 and 3, Gemma, Mistral and DeepSeek: 3 to 7 tokens for
a message; a default system prompt of none to 30; introductions to tools of none to 130.
"""

_SCALE_DEVIATION: Final = 0.04
_GROUP_DEVIATIONS: Final = (0.03, 0.06, 0.15, 0.2, 0.3, 0.06)
"""How far a tokenizer may be from its profile, by `_group`; what is like no profile, twice as far."""

_RELATIVE_NOISE: Final = 0.04
_NOISE: Final = 3.0
_EXACT_NOISE: Final = 1.5
"""How far a prompt is from its estimate with the right weights, in parts of its length and in tokens."""

_HUBER: Final = 3.0
_ROUNDS: Final = 3
_UNLIKELY: Final = 1e-3


class Observation(Struct, frozen=True):
    """A prompt whose length a server reported.

    :param at: seconds since 1970; tells one observation from another
    :param tokens: the reported length
    :param pieces: as `pieces.NAMES` lists them
    :param extras: as `prompt.EXTRAS` lists them
    :param exact: length of the texts alone, counted by the model's own tokenizer; None where it could not be asked
    """

    at: float
    tokens: int
    pieces: tuple[int, ...]
    extras: tuple[float, ...]
    exact: int | None = None


class Fitted(Struct, frozen=True):
    """What is held true of a model: tokens for each piece, and for each extra."""

    pieces: Weights
    extras: Weights

    def text(self, pieces: Sequence[float]) -> float:
        """Estimate the tokens of a text."""
        return max(0.0, dot(self.pieces, pieces))

    def template(self, extras: Sequence[float]) -> float:
        """Estimate what the template adds to a request's texts, in tokens."""
        return max(0.0, dot(self.extras, extras))


class _Explanation(Struct, frozen=True):
    """What one profile makes of the observations, and how likely it is (a logarithm)."""

    fitted: Fitted
    likely: float


@cache
def _groups() -> tuple[int, ...]:
    return tuple(_group(name) for name in NAMES)


def _group(name: str) -> int:
    """Return the group of a piece: known words, signs, digits, spaces, other scripts, other words."""
    starts = {
        2: ("dig", "sp_dig"),
        3: ("nl", "ind", "tab", "spaces", "punctnl"),
        1: ("punct", "sp_punct", "pu_"),
        4: ("latin", "cyr", "other", "han", "kana", "sym", "box", "emoji", "ctl"),
        0: ("known", "bare_known"),
    }
    return next((group for group, names in starts.items() if name.startswith(names)), len(starts))


def fit(model: str, observations: Sequence[Observation], scale: float = 1.0) -> Fitted:
    """Find what explains the observations best; without any, what the model's name lets expect.

    Takes some 10 ms with twelve observations.

    :param scale: how many tokens a model makes of one of the usual, if that is known to be strange
    """
    explained = [_explain(name, chance, observations, scale) for name, chance in likelihood(model).items()]
    best = max(each.likely for each in explained)
    shares = [(exp(each.likely - best), each.fitted) for each in explained]
    shares = [(share, fitted) for share, fitted in shares if share > _UNLIKELY]
    total = sum(share for share, _ in shares)
    return Fitted(
        _mean([(share / total, fitted.pieces) for share, fitted in shares]),
        _mean([(share / total, fitted.extras) for share, fitted in shares]),
    )


def _mean(shares: Sequence[tuple[float, Weights]]) -> Weights:
    rows = [[share * weight for weight in weights] for share, weights in shares]
    return tuple(sum(column) for column in zip(*rows, strict=True))


def _explain(name: str, chance: float, observations: Sequence[Observation], strange: float) -> _Explanation:
    """Explain the observations with one profile.

    The unknowns are its scale, the change of each of its groups, and the template's numbers.
    """
    weights = tuple(weight * strange for weight in profiles()[name])
    expected, deviations = _beliefs(name)
    equations = [equation for each in observations for equation in _equations(each, weights)]
    found, likely = _regress(equations, expected, deviations) if equations else (expected, 0.0)
    scale, changes = found[0], found[1 : 1 + len(_GROUP_DEVIATIONS)]
    pieces = tuple(weight * (scale + changes[group]) for weight, group in zip(weights, _groups(), strict=True))
    return _Explanation(Fitted(pieces, tuple(found[1 + len(changes) :])), log(chance) + likely)


def _beliefs(name: str) -> tuple[list[float], list[float]]:
    """Return what the unknowns are expected to be, and their standard deviations."""
    wide = 2.0 if name == UNKNOWN else 1.0
    own = [_SCALE_DEVIATION * wide, *(deviation * wide for deviation in _GROUP_DEVIATIONS)]
    extras = [_EXTRAS[extra] for extra in EXTRAS]
    return [1.0, *(0.0 for _ in _GROUP_DEVIATIONS), *(mean for mean, _ in extras)], [*own, *(sd for _, sd in extras)]


class _Equation(Struct, frozen=True):
    """The sum of the unknowns, each times its factor, is a length, give or take the deviation."""

    factors: list[float]
    length: float
    deviation: float


def _equations(seen: Observation, weights: Weights) -> Iterator[_Equation]:
    groups = [0.0] * len(_GROUP_DEVIATIONS)
    for group, weight, times in zip(_groups(), weights, seen.pieces, strict=True):
        groups[group] += weight * times
    text, nothing = [sum(groups), *groups], [0.0] * (1 + len(groups))
    if seen.exact is None:
        noise = _RELATIVE_NOISE * seen.tokens + _NOISE
        yield _Equation([*text, *seen.extras], seen.tokens, noise)
        return
    yield _Equation([*text, *(0.0 for _ in seen.extras)], seen.exact, _RELATIVE_NOISE * seen.exact + _EXACT_NOISE)
    yield _Equation([*nothing, *seen.extras], seen.tokens - seen.exact, _EXACT_NOISE)


def _regress(
    equations: Sequence[_Equation], expected: Sequence[float], deviations: Sequence[float]
) -> tuple[list[float], float]:
    """Return the likeliest values of the unknowns, and how likely the equations are at all (a logarithm)."""
    trust = [1.0] * len(equations)
    beliefs = [1 / deviation**2 for deviation in deviations]
    found, lower = list(expected), factor(_diagonal(beliefs))
    for _ in range(_ROUNDS):
        lower, right = _normal(equations, trust, beliefs, expected)
        found = solve(lower, right)
        misses = [abs(each.length - dot(each.factors, found)) / each.deviation for each in equations]
        likely = -sum(known * miss**2 for known, miss in zip(trust, misses, strict=True))
        before, trust = trust, [min(1.0, _HUBER / max(miss, _HUBER / 2)) for miss in misses]
        if trust == before:
            break
    away = sum(belief * (value - mean) ** 2 for belief, value, mean in zip(beliefs, found, expected, strict=True))
    volume = sum(map(log, beliefs)) - log_determinant(lower)
    return found, (likely - away + volume) / 2


def _diagonal(values: Sequence[float]) -> Matrix:
    return [[value if i == j else 0.0 for j in range(len(values))] for i, value in enumerate(values)]


def _normal(
    equations: Sequence[_Equation], trust: Sequence[float], beliefs: Sequence[float], expected: Sequence[float]
) -> tuple[Matrix, list[float]]:
    """Return the factors and the right side of the normal equations."""
    matrix = _diagonal(beliefs)
    right = [belief * mean for belief, mean in zip(beliefs, expected, strict=True)]
    for each, known in zip(equations, trust, strict=True):
        weight = known / each.deviation**2
        for i, one in enumerate(each.factors):
            if one:
                scaled = weight * one
                right[i] += scaled * each.length
                row = matrix[i]
                for j in range(i + 1):
                    row[j] += scaled * each.factors[j]
    return factor(matrix), right
