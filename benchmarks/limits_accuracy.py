"""How often is what the room `limits` says of a model right, and what does asking cost?

    python benchmarks/limits_accuracy.py

Scores the tables in tests/data/limits by kind of fact. Claiming too much is told apart from claiming too little: the
first makes a server cut a prompt in silence, the second only wastes room. Ungraded facts are left out.
"""

from __future__ import annotations

import timeit
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct, json

from ollm.api import KnownLimits
from ollm_plugins.limits.database import FILE, read
from ollm_plugins.limits.lookup import ABILITIES, decide, of_database

TABLES = Path(__file__).parents[1] / "tests" / "data" / "limits"
Verdict = Literal["right", "too much", "too little"]


class Expected(Struct, frozen=True):
    """What is right for a name.

    :param context_window: in tokens; None when nobody may know the name
    :param others: windows that are right as well
    :param family: None when the table does not say
    """

    name: str
    context_window: int | None
    others: tuple[int, ...]
    capabilities: tuple[str, ...]
    family: str | None = None
    ungraded: tuple[str, ...] = ()


class Graded(Struct, frozen=True):
    """One fact about one name."""

    name: str
    kind: str
    verdict: Verdict


def tables() -> dict[str, list[Expected]]:
    """Read the tables."""
    facts = [_fact(*cells) for cells in _cells("facts")]
    return {"facts": facts, **{table: [_name(*cells) for cells in _cells(table)] for table in ("traps", "names")}}


def _cells(table: str) -> Iterator[list[str]]:
    for row in (TABLES / f"{table}.tsv").read_text(encoding="utf-8").splitlines():
        if not row.startswith("#"):
            yield row.split("\t")


def _fact(name: str, family: str, context: str, others: str, capabilities: str, ungraded: str) -> Expected:
    return Expected(name, int(context), _numbers(others), _words(capabilities), family, _words(ungraded))


def _name(name: str, context: str, others: str, capabilities: str) -> Expected:
    return Expected(name, None if context == "?" else int(context), _numbers(others), _words(capabilities))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in _words(text))


def asked(name: str) -> KnownLimits:
    """Ask the database alone, as for a user without settings, plugins and server."""
    claim = of_database(name)
    return decide(name, [claim] if claim else [])


def graded(expected: Expected) -> Iterator[Graded]:
    """Yield a verdict on each fact."""
    said = asked(expected.name)
    should = expected.context_window is not None
    yield Graded(expected.name, "known", _compare(said.known, should))
    if expected.context_window is None:
        return
    if "context_window" not in expected.ungraded:
        right = said.context_window in (expected.context_window, *expected.others)
        verdict = "right" if right else _compare(said.context_window, expected.context_window)
        yield Graded(expected.name, "context window", verdict)
    for ability in ABILITIES:
        if ability not in expected.ungraded:
            has = getattr(said.capabilities, ability)
            yield Graded(expected.name, ability, _compare(has, ability in expected.capabilities))
    if expected.family is not None and "family" not in expected.ungraded:
        yield Graded(expected.name, "family", "right" if said.family == expected.family else "too much")


def _compare(said: int, should: int) -> Verdict:
    return "right" if said == should else "too much" if said > should else "too little"


def names_right(verdicts: Sequence[Graded]) -> float:
    """Return the share of names of which every graded fact is right."""
    wrong = {each.name for each in verdicts if each.verdict != "right"}
    return 1 - len(wrong) / len({each.name for each in verdicts})


def main() -> None:
    """Print accuracy by kind, and the cost of asking."""
    for table, rows in tables().items():
        verdicts = [verdict for row in rows for verdict in graded(row)]
        print(f"{table}: {len(rows)} names, wholly right {names_right(verdicts):.1%}")
        for kind in dict.fromkeys(each.kind for each in verdicts):
            counts = Counter(each.verdict for each in verdicts if each.kind == kind)
            print(
                f"  {kind:15}{counts['right']:5} right{counts['too much']:5} too much{counts['too little']:5} too little"
            )
        for each in verdicts:
            if each.verdict != "right":
                print(f"  {each.verdict}: {each.kind} of {each.name}")
    _print_speed()


def _print_speed() -> None:
    """Print times as ratios to decoding the same data from JSON, the fastest way to have it in memory."""
    text = FILE.read_text(encoding="utf-8")
    as_json = json.encode([row.split("\t") for row in text.splitlines()])
    unit = min(timeit.repeat(lambda: json.decode(as_json), number=20, repeat=5)) / 20
    reading = min(timeit.repeat(lambda: read(text.splitlines()), number=20, repeat=5)) / 20
    asking = min(timeit.repeat(lambda: asked("llama3.1:8b"), number=1000, repeat=5)) / 1000
    print(
        f"decoding the data as JSON 1, reading the database {reading / unit:.1f}, a warm question {asking / unit:.3f}"
    )


if __name__ == "__main__":
    main()
