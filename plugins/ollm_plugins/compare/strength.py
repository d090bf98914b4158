"""How strong is each model, judged by who was preferred to whom?

The model of Bradley and Terry (1952): of two models with strengths p and q the first is preferred with probability
p / (p + q). The strengths are the most probable ones, found by minorization and maximization (D. R. Hunter, "MM
algorithms for generalized Bradley-Terry models", Annals of Statistics 32, 2004, section 2). A tie counts as half a win for
each. So that a model that never lost has a finite strength, each has half a win and half a loss against a model of
strength 1 that nobody sees: little, and gone after a few judgements.

The uncertainty is that of a strength less the average: the inverse of Fisher's information, taken at the result, is the
covariance of the strengths; how far all of them lie up or down together, which no judgement says, is taken out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt
from typing import Final

from msgspec import Struct

from ollm_plugins.compare.store import Pair

PRIOR: Final = 0.5
"""Wins, and losses, that each model has in advance."""
POINTS: Final = 400 / log(10)
"""Points of Elo's scale for one unit of log odds: 400 points more are preferred 10 times of 11."""
_ENOUGH: Final = 1e-7
_ROUNDS: Final = 10_000


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
    found = _most_probable(games, wins)
    middle = sum(map(log, found)) / len(found)
    errors = _errors(games, found)
    told = [
        Strength(model, POINTS * (log(strength) - middle), POINTS * error)
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


def _most_probable(games: Sequence[dict[int, float]], wins: Sequence[float]) -> list[float]:
    found = [1.0] * len(games)
    for _ in range(_ROUNDS):
        moved = 0.0
        for place, against in enumerate(games):
            mine = found[place]
            expected = sum(count / (mine + found[other]) for other, count in against.items()) + 2 * PRIOR / (mine + 1)
            found[place] = wins[place] / expected
            moved = max(moved, abs(log(found[place] / mine)))
        if moved < _ENOUGH:
            break
    return found


def _errors(games: Sequence[dict[int, float]], found: Sequence[float]) -> list[float]:
    """Return the standard errors of the log strengths, each against the average of all."""
    size = len(found)
    information = [[0.0] * size for _ in range(size)]
    for place, against in enumerate(games):
        mine = found[place]
        information[place][place] = 2 * PRIOR * mine / (mine + 1) ** 2
        for other, count in against.items():
            each = count * mine * found[other] / (mine + found[other]) ** 2
            information[place][place] += each
            information[place][other] -= each
    _invert(information)
    shares = [sum(row) / size for row in information]
    middle = sum(shares) / size
    return [sqrt(max(information[place][place] - 2 * shares[place] + middle, 0.0)) for place in range(size)]


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
