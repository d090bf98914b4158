"""How are a dozen linear equations solved? By Cholesky's factors, in plain Python: numpy takes longer to import."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

Vector = Sequence[float]
Matrix = list[list[float]]


def factor(matrix: Matrix) -> Matrix:
    """Return the lower triangle whose square a symmetric, positive definite matrix is; of it the lower half is read."""
    lower: Matrix = []
    for i, row in enumerate(matrix):
        new = row[: i + 1]
        for j, other in enumerate(lower):
            new[j] = (new[j] - dot(new[:j], other)) / other[j]
        new[i] = sqrt(new[i] - dot(new[:i], new))
        lower.append(new)
    return lower


def solve(lower: Matrix, right: Vector) -> list[float]:
    """Solve the equations whose matrix has these factors."""
    found: list[float] = []
    for row, value in zip(lower, right, strict=True):
        found.append((value - dot(found, row)) / row[len(found)])
    for i in range(len(lower) - 1, -1, -1):
        for j in range(i + 1, len(lower)):
            found[i] -= lower[j][i] * found[j]
        found[i] /= lower[i][i]
    return found


def log_determinant(lower: Matrix) -> float:
    """Return the logarithm of the determinant of the matrix that has these factors."""
    return 2 * sum(log(row[i]) for i, row in enumerate(lower))


def dot(one: Vector, other: Vector) -> float:
    """Multiply two vectors, as far as the shorter one goes."""
    return sum(a * b for a, b in zip(one, other, strict=False))
