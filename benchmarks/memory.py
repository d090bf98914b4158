"""How does the time of what a turn does with what is remembered grow with the number of entries?

usage: python benchmarks/memory.py [RUNS]

Prints, for 10 to 100,000 entries of about a hundred characters, the median times of reading the file, of a search with
a slip of spelling, of choosing what goes into a prompt within 500 tokens, and of all three together; the same where the
file has not changed since; of one change, with its write; and each against reading the same file with `json`.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ollm.api import App, Output, TurnContext
from ollm_plugins.memory.service import Memories, memories

COUNTS = (10, 100, 1_000, 10_000, 100_000)
MODEL = "llama3.2:3b"


def words(count: int) -> list[str]:
    """Return as many words that nobody has written."""
    chance = random.Random(1)  # noqa: S311  (no secret)
    letters = "etaoinshrdlucmfw"
    return ["".join(chance.choices(letters, k=chance.randint(3, 9))) for _ in range(count)]


def plant(home: Path, count: int, known: list[str]) -> None:
    """Write a file of entries."""
    chance = random.Random(2)  # noqa: S311  (no secret)
    date = "2026-01-01T00:00:00.000Z"
    entries = [
        {
            "key": f"{chance.choice(known)}-{number}",
            "value": " ".join(chance.choices(known, k=14)),
            "category": "fact",
            "createdAt": date,
            "updatedAt": date,
        }
        for number in range(count)
    ]
    (home / "memory.json").write_text(json.dumps({"version": 2, "memories": entries}))


def median(work: Callable[[], object], runs: int, before: Callable[[], object] = lambda: None) -> float:
    """Return the median of the times that something takes, in milliseconds."""
    times = []
    for _ in range(runs):
        before()
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main(runs: int) -> None:
    """Print the table."""
    known = words(5_000)
    slip = f"{known[0][:-1]}q{known[0][-1]}"
    print(
        f"{'entries':>8} {'read':>7} {'search':>7} {'choose':>7} {'all':>7} {'unchanged':>10} {'change':>7} {'all / json':>11}"
    )
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            plant(Path(folder), count, known)
            row(Path(folder), count, f"Tell me about {known[1]} and {known[2]} in detail.", slip, runs)


def row(home: Path, count: int, prompt: str, slip: str, runs: int) -> None:
    """Print the line of one number of entries."""
    app = App({"OLLM_HOME": str(home), "OLLM_PROVIDER": "ollama"}, output=Output())
    turn = TurnContext(app.context, "", "ollama", MODEL, prompt, ())
    service = memories(app.context)
    loop = asyncio.new_event_loop()

    def choose() -> None:
        loop.run_until_complete(service.system_prompt_addition(turn))

    choose()  # so that what only the first of all turns does, importing, is not counted

    def forget() -> Memories:
        service.store._seen = service._indexed = None  # noqa: SLF001  (as in a new process)
        return service

    def everything() -> None:
        service.list_all()
        service.search(slip)
        choose()

    read = median(service.list_all, runs, forget)
    search = median(lambda: service.search(slip), runs, lambda: forget().list_all())
    chosen = median(choose, runs)
    whole, again = median(everything, runs, forget), median(everything, runs)
    change = median(lambda: service.remember("benchmark", str(time.perf_counter())), runs)
    plain = median(lambda: json.loads((home / "memory.json").read_bytes()), runs)
    times = f"{read:>7.2f} {search:>7.2f} {chosen:>7.2f} {whole:>7.2f} {again:>10.2f} {change:>7.2f}"
    print(f"{count:>8} {times} {whole / plain:>11.1f}")
    loop.close()
    app.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
