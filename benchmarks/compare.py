"""What do statistics of kept comparisons cost, and how long do three models take that answer at the same time?

usage: python benchmarks/compare.py [RUNS]

Prints, for 100 to 50,000 kept comparisons among 12 models, the median times of `compare stats` (without the start of the
program), of what the router asks for, of the list of the last 20, and of keeping one more; each against 100. Then the wall
time of three models on a stand-in server that takes 2 s for each answer, at the same time and one after another, against
the slowest answer; the program's start is in it.
"""

from __future__ import annotations

import io
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ollm.api import App, CommandContext, Output
from ollm_plugins.compare.commands_kept import history
from ollm_plugins.compare.commands_stats import stats
from ollm_plugins.compare.preferences import Preferences
from ollm_plugins.compare.results import Answer, Compared, Numbers, Run
from ollm_plugins.compare.store import Store

COUNTS = (100, 5_000, 50_000)
NAMES = [f"model-{number}:8b" for number in range(12)]
PROFILES = ("fast", "general", "code", "creative")
ANSWER_SECONDS = 2.0
TOKENS = 40


def planted(chance: random.Random) -> Compared:
    """Return a comparison of two models with 2 kB of answers, judged."""
    numbers = Numbers(seconds=3.0, tokens=200, generation_seconds=2.5, first_token_warm_seconds=0.2)
    answers = tuple(
        Answer(label, "ollama", name, "d" * 64, (Run("word " * 200, reason="stop", numbers=numbers),))
        for label, name in zip("AB", chance.sample(NAMES, 2), strict=True)
    )
    profile, winner = chance.choice(PROFILES), chance.randrange(2)
    return Compared(
        None,
        "2026-01-01T00:00:00+00:00",
        "A prompt",
        profile,
        42,
        "parallel",
        "",
        answers,
        choice="winner",
        winner=winner,
    )


def plant(store: Store, count: int) -> None:
    """Keep so many comparisons."""
    chance = random.Random(5)  # noqa: S311  (no secret)
    store.add_all([planted(chance) for _ in range(count)])


def median(work: Callable[[], object], runs: int) -> float:
    """Return the median of the times that something takes, in milliseconds."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def kept(runs: int) -> None:
    """Print what is reckoned from so many kept comparisons."""
    print(f"{'kept':>7} {'stats':>9} {'router':>9} {'history':>9} {'add':>9}   (ms; against the first line)")
    first: list[float] = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            app = App({"OLLM_HOME": folder}, output=Output(io.StringIO(), io.StringIO()))
            store, ctx = Store(app.context), CommandContext(app, "shell")
            plant(store, count)
            one = planted(random.Random(1))  # noqa: S311  (no secret)
            works: list[Callable[[], object]] = [
                lambda ctx=ctx: stats(ctx),
                lambda app=app: Preferences(app.context).comparisons("code"),
                lambda ctx=ctx: history(ctx),
                lambda store=store, one=one: store.add(one),
            ]
            times = [median(work, runs) for work in works]
            first = first or times
            cells = [f"{each:5.1f} {each / base:2.1f}x" for each, base in zip(times, first, strict=True)]
            print(f"{count:>7} {' '.join(f'{cell:>9}' for cell in cells)}")
            app.close()


class StandIn(BaseHTTPRequestHandler):
    """Takes two seconds for each answer, whoever else is answering."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List three models."""
        entries = [{"name": f"{name}:1b", "model": f"{name}:1b", "size": 10**9, "digest": name} for name in "abc"]
        listed = {"models": entries} if self.path == "/api/tags" else {"models": []}
        self._send({"version": "0.32.15"} if self.path == "/api/version" else listed)

    def do_POST(self) -> None:
        """Answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/api/show":
            self._send({"details": {"family": "llama"}, "capabilities": ["completion"], "model_info": {}})
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(TOKENS):
            time.sleep(ANSWER_SECONDS / TOKENS)
            self._line(
                {"model": body["model"], "message": {"role": "assistant", "content": f" {number}"}, "done": False}
            )
        self._line({"model": body["model"], "message": {"role": "assistant", "content": ""}, "done": True})
        self.wfile.write(b"0\r\n\r\n")

    def _line(self, value: object) -> None:
        data = json.dumps(value).encode() + b"\n"
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _send(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def wall(runs: int) -> None:
    """Print how long three models take."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ollm = str(Path(sys.executable).with_name("ollm"))
    for how in ("--parallel", "--sequential"):
        ratios = []
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as folder:
                environ = {
                    "OLLM_HOME": folder,
                    "HOME": folder,
                    "OLLAMA_HOST": f"127.0.0.1:{server.server_port}",
                    "PATH": "",
                }
                begun = time.perf_counter()
                words = [ollm, "compare", "P", "a:1b", "b:1b", "c:1b", how, "--json"]
                done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True)
                taken = time.perf_counter() - begun
            ratios.append(taken / max(each["numbers"]["seconds"] for each in json.loads(done.stdout)["answers"]))
        print(f"three models {how:<13} {statistics.median(ratios):.2f} x the slowest answer")
    server.shutdown()


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    kept(rounds)
    wall(max(1, rounds // 3))
