"""How long does it take to see what a project is?

usage: python benchmarks/project.py [RUNS]

Makes trees of 1,000 to 100,000 files in several shapes and times, in this process, what each start does (`look`) and
what `ollm project detect` does; against one `os.walk` of the same tree, which is what looking at all would cost. Then
`ollm -p hi` in a repository against the same in an empty folder, as processes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path

from startup import MODEL, OLLM, StandIn

from ollm.api import App
from ollm_plugins.project import counting, detectors
from ollm_plugins.project.finding import find, parts

SHAPES = {"flat": (1, 1), "packages": (200, 1), "deep": (20, 6)}
"""Folders below the root, and how deep each of them is nested."""


def main(runs: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OLLM_HOME"] = str(Path(folder) / "home")
        for shape, (folders, depth) in SHAPES.items():
            for files in (1_000, 10_000, 100_000):
                root = Path(folder) / f"{shape}-{files}"
                plant(root, files, folders, depth)
                measure(f"{shape}, {files} files", root, runs)
        whole_runs(Path(folder), Path(folder) / "packages-10000", runs)


def plant(root: Path, files: int, folders: int, depth: int) -> None:
    """Make a mixed project of so many files; a tenth of them in node_modules."""
    (root / ".git").mkdir(parents=True)
    for name in ("package.json", "tsconfig.json", "pyproject.toml"):
        (root / name).touch()
    places = [root / "/".join([f"part{number}"] * depth) for number in range(folders)]
    places += [root / "node_modules" / str(number) for number in range(max(1, folders // 10))]
    for place in places:
        place.mkdir(parents=True)
        (place / "package.json").touch()
    for number in range(files):
        (places[number % len(places)] / f"{number}.{('ts', 'py')[number % 2]}").touch()


def measure(label: str, root: Path, runs: int) -> None:
    """Time both ways of looking, with nothing remembered, against walking the whole tree."""
    os.chdir(root)
    app = App()

    def afresh(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            counting._counted.cache_clear()  # noqa: SLF001
            detectors._marked.cache_clear()  # noqa: SLF001
            return work()

        return run

    start = median(afresh(lambda: find(app.context)), runs)
    whole = median(afresh(lambda: (find(app.context), parts(app.context, root))), runs)
    walk = median(lambda: sum(len(names) for _, _, names in os.walk(root)), runs)
    times = f"at a start {start:.2f} ms, detect {whole:.1f} ms, os.walk {walk:.1f} ms"
    print(f"{label}: {times}; detect / os.walk {whole / walk:.2f}")


def whole_runs(folder: Path, repository: Path, runs: int) -> None:
    """Time whole processes in a repository and in an empty folder, in turn."""
    empty = folder / "empty"
    empty.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = {**os.environ, "OLLM_HOST": f"http://127.0.0.1:{server.server_port}", "OLLM_PROVIDER": "ollama"}

    def once(place: Path, *more: str) -> float:
        started = time.perf_counter()
        command = [OLLM, "-p", "hi", "-m", MODEL]
        subprocess.run([*command, *more], cwd=place, env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return time.perf_counter() - started

    pairs = [(once(repository), once(empty)) for _ in range(runs + 1)][1:]
    more = statistics.median(a - b for a, b in pairs) * 1000
    print(
        f"ollm -p hi in a repository / in an empty folder: {statistics.median(a / b for a, b in pairs):.2f} ({more:+.1f} ms)"
    )
    server.shutdown()


def median(work: Callable[[], object], runs: int) -> float:
    """Return the median of the wall times, in milliseconds."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
