"""What do the file tools cost?

Run `python benchmarks/files.py`. It makes 20,000 files in a temporary folder, and prints milliseconds: the median of
some runs for searches, one run for diffs of texts that have little in common.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ollm.api import OllmError
from ollm_plugins.files import diffs, finding
from ollm_plugins.files.contents import Text
from ollm_plugins.files.editing import edited
from ollm_plugins.files.wishes import Edit


def took(work: Callable[[], object], runs: int = 5) -> float:
    """Return the median of what some work takes, in milliseconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1_000)
    return statistics.median(times)


def search(root: Path, pattern: str | None, files: str) -> int:
    """Run one search and return how many results it has."""
    job = finding.Job(str(root), (), pattern, files, (), "/nobody", False, False, 100, 10_000_000, 10.0)
    return len(asyncio.run(finding._searched(job))[0])  # noqa: SLF001


def main() -> None:
    """Measure."""
    chance = random.Random(1)  # noqa: S311  (nobody must not guess it)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        print(f"grep, no file     {took(lambda: search(root, 'x', '')):8.1f}")
        for number in range(20_000):
            at = root / f"d{number % 200}" / f"f{number}.py"
            at.parent.mkdir(exist_ok=True)
            at.write_text("".join(f"word{chance.randrange(1000)} = {line}\n" for line in range(50)))
        (root / ".gitignore").write_text("".join(f"*.x{number}\n" for number in range(50)))
        print(f"glob, 20,000 files{took(lambda: search(root, None, '*.py'), 3):8.1f}")
        print(f"grep, 20,000 files{took(lambda: search(root, 'nothing like it', ''), 3):8.1f}")
    for lines in (500, 1_000, 2_000):
        for kinds in (2, 40, 10_000):
            old, new = (("".join(f"{chance.randrange(kinds)}\n" for _ in range(lines // 2))) for _ in range(2))
            print(f"diff, {lines:5} lines of {kinds:6} kinds{took(partial(diffs.unified, old, new, 'x'), 1):8.1f}")
    big = "".join(f"{chance.random()} some line of a file\n" for _ in range(200_000))
    change = big.replace("some", "any", 1)
    print(f"diff, one of 200,000 lines{took(lambda: diffs.unified(big, change, 'x'), 3):8.1f}")

    def absent() -> None:
        try:
            edited(Text(big), Edit("x", "some line of another file entirely\nand more", "y"), "x", len(big))
        except OllmError:
            return

    print(f"edit, not found in 200,000 lines{took(absent, 3):8.1f}")


if __name__ == "__main__":
    main()
