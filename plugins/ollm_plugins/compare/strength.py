"""How strong is each model, judged by who was preferred to whom?

The model of Bradley and Terry (Biometrika 39, 1952): of two models with log strengths s and t the first is preferred with
probability 1 / (1 + exp(t - s)). The strengths are the most probable ones, found by Newton's method. A tie counts as half a
win for each. So that a model that never lost has a finite strength, each has half a win and half a loss against a model of
log strength 0 that nobody sees: little, and outweighed after a few judgements. (Minorization and maximization, as D. R.
Hunter has it in the Annals of Statistics 32, 2004, needs thousands of rounds where the prior is that weak.)

The uncertainty is that of a strength less the average: the inverse of Fisher's information, taken at the result, is the
covariance of the strengths; how far all of them lie up or down together, which no judgement says, is taken out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from operator import mul
from typing import Final

from msgspec import Struct

from ollm_plugins.compare.store import Pair

PRIOR: Final = 0.5
"""Wins, and losses, that each model has in advance."""
POINTS: Final = 400 / log(10)
"""Points of Elo's scale for one unit of log odds: 400 points more are preferred 10 times of 11."""
_ENOUGH: Final = 1e-9
_ROUNDS: Final = 100
_STRIDE: Final = 2.0
"""Most that a log strength moves in one round: far from the result, Newton's step may be too long."""


class Strength(Struct, frozen=True):
    """A model's strength, in Elo's points: 0 is as good as the average of those that were compared.

    :param error: one standard error, in the same points
    """

    model: str
    points: float
    error: float


def strengths(pairs: Sequence[Pair]) -> list[Strength]:
    """Return the strengths of all models in some pairs, the strongest first."""
    models = sorted({name for pair in pairs for name in (pair.a, pair.b)})
    if not models:
        return []
    games, wins = _counted(models, pairs)
    found, covariance = _most_probable(games, wins)
    middle = sum(found) / len(found)
    errors = _errors(covariance)
    told = [
        Strength(model, POINTS * (strength - middle), POINTS * error)
        for model, strength, error in zip(models, found, errors, strict=True)
    ]
    return sorted(told, key=lambda each: (-each.points, each.model))


def _counted(models: Sequence[str], pairs: Sequence[Pair]) -> tuple[list[dict[int, float]], list[float]]:
    """Return for each model how often it was judged against which others, and how often it won."""
    places = {model: place for place, model in enumerate(models)}
    games: list[dict[int, float]] = [{} for _ in models]
    wins = [PRIOR] * len(models)
    for pair in pairs:
        a, b = places[pair.a], places[pair.b]
        count = pair.wins_a + pair.wins_b + pair.ties
        games[a][b] = games[a].get(b, 0.0) + count
        games[b][a] = games[b].get(a, 0.0) + count
        wins[a] += pair.wins_a + pair.ties / 2
        wins[b] += pair.wins_b + pair.ties / 2
    return games, wins


def _most_probable(games: Sequence[dict[int, float]], wins: Sequence[float]) -> tuple[list[float], list[list[float]]]:
    """Return the log strengths, and their covariance."""
    found = [0.0] * len(games)
    covariance: list[list[float]] = []
    for _ in range(_ROUNDS):
        slope, covariance = _slope(games, wins, found), _information(games, found)
        _invert(covariance)
        steps = [sum(map(mul, row, slope)) for row in covariance]
        longest = max(map(abs, steps))
        shorter = min(1.0, _STRIDE / longest) if longest else 1.0
        found = [each + step * shorter for each, step in zip(found, steps, strict=True)]
        if longest < _ENOUGH:
            break
    return found, covariance


def _odds(difference: float) -> float:
    """Return how probably the first of two is preferred, by the difference of their log strengths."""
    return 1 / (1 + exp(-difference)) if difference > 0 else 1 - 1 / (1 + exp(difference))


def _slope(games: Sequence[dict[int, float]], wins: Sequence[float], found: Sequence[float]) -> list[float]:
    """Return by how much each has won more often than is expected."""
    return [
        wins[place]
        - 2 * PRIOR * _odds(mine)
        - sum(count * _odds(mine - found[other]) for other, count in games[place].items())
        for place, mine in enumerate(found)
    ]


def _information(games: Sequence[dict[int, float]], found: Sequence[float]) -> list[list[float]]:
    size = len(found)
    information = [[0.0] * size for _ in range(size)]
    for place, mine in enumerate(found):
        information[place][place] = 2 * PRIOR * _odds(mine) * _odds(-mine)
        for other, count in games[place].items():
            odds = _odds(mine - found[other])
            information[place][place] += count * odds * (1 - odds)
            information[place][other] -= count * odds * (1 - odds)
    return information


def _errors(covariance: Sequence[Sequence[float]]) -> list[float]:
    """Return the standard errors of the log strengths, each against the average of all."""
    size = len(covariance)
    shares = [sum(row) / size for row in covariance]
    middle = sum(shares) / size
    return [sqrt(max(covariance[place][place] - 2 * shares[place] + middle, 0.0)) for place in range(size)]


def _invert(matrix: list[list[float]]) -> None:
    """Invert a symmetric matrix whose diagonal outweighs its rows, in place (Gauss and Jordan)."""
    for pivot, line in enumerate(matrix):
        scale = 1 / line[pivot]
        line[pivot] = 1.0
        matrix[pivot] = row = [each * scale for each in line]
        for place, other in enumerate(matrix):
            factor = other[pivot]
            if place == pivot or not factor:
                continue
            other[pivot] = 0.0
            matrix[place] = [value - factor * each for value, each in zip(other, row, strict=True)]
