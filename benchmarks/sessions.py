"""What does it cost to keep conversations, and how long does a long one take to go on?

usage: python benchmarks/sessions.py [TURNS] [TOKENS] [RUNS]

Prints what a token costs with and without the room (no model, nothing drawn), how long a session of TURNS turns takes to
be read, against a plain read of the same rows in the same minute, and `ollm -p` with and without the room against a
server that replays. The last needs the tests' replay server, so run it from the project's folder.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from ollm.api import Finished, Message, TextDelta
from ollm.testing import Harness, make_harness
from ollm_plugins.sessions.database import Database
from ollm_plugins.sessions.kept import Draft, KeptTurn
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.sessions.saving import Seen, put
from ollm_plugins.sessions.service import sessions_of

OLLM = str(Path(sys.executable).with_name("ollm"))
BOUND = 0.5
"""Seconds in which a session of 10,000 turns is to be gone on with."""


def main(turns: int, tokens: int, runs: int) -> None:
    """Print the figures."""
    per_token(tokens)
    with tempfile.TemporaryDirectory() as folder:
        resuming(Path(folder), turns)
    once(runs)


def per_token(tokens: int) -> None:
    """Hold a turn of many tokens with and without the room."""
    events = [*(TextDelta("word ") for _ in range(tokens)), Finished("stop")]
    pairs = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as bare, tempfile.TemporaryDirectory() as kept:
            without = make_harness(Path(bare), replies=[events])
            room = make_harness(Path(kept), Plugin, replies=[events])
            pairs.append((held(without) / tokens, held(room) / tokens))
    bare_cost, cost = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
    print(f"a token: {cost - bare_cost:.1f} µs more ({cost:.1f} µs / {bare_cost:.1f} µs)")


def held(harness: Harness) -> float:
    """Hold a turn and return its seconds."""

    async def hold() -> float:
        started = time.perf_counter()
        async for _ in harness.app.conversation().ask("Go on"):
            pass
        return time.perf_counter() - started

    seconds = harness.app.run(hold())
    harness.app.close()
    return seconds


def resuming(home: Path, turns: int) -> None:
    """Go on with a long session; read the same rows plainly."""
    written = timed(lambda: write(home, turns))
    harness = make_harness(home, Plugin)
    service = sessions_of(harness.app.context)
    conversation = harness.app.conversation()
    ours, plain = [], []
    for _ in range(5):
        ours.append(timed(lambda: conversation.restore("long", service.load("long"))))
        plain.append(timed(lambda: plainly(home / "sessions.db")))
    harness.app.close()
    assert len(conversation.messages) == 2 * turns
    ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
    size = (home / "sessions.db").stat().st_size / 1e6
    median = statistics.median(ours)
    print(f"going on with {turns} turns ({size:.0f} MB, written in {written:.1f} s): {median * 1000:.0f} ms, ", end="")
    print(f"{ratio:.1f} times a plain read; at most {max(ours) * 1000:.0f} ms (bound {BOUND * 1000:.0f} ms)")
    command = [OLLM, "session", "search", "needle"]
    environ = {**os.environ, "OLLM_HOME": str(home)}
    print(f"searching in it, as a process: {timed(lambda: run(command, environ)) * 1000:.0f} ms")


def write(home: Path, turns: int) -> None:
    """Write a long session, a transaction for each turn as in life."""
    with closing(Database(home / "sessions.db", print)) as database:
        seen: Seen | None = None
        for number in range(turns):
            answer = f"Answer {number}{' needle' if number == turns // 2 else ''}. " + "Some words of it. " * 40
            said = (Message("user", f"Prompt {number}"), Message("assistant", answer))
            turn = KeptTurn(f"t{number}", 2 * number, time.time(), "ollama", "smollm2:135m", "stop", said, 1.0, 0.1)
            draft = Draft("long", str(home), (), turn)
            seen = database.change(lambda connection, draft=draft, seen=seen: put(connection, draft, seen)).seen


def plainly(path: Path) -> None:
    """Read what any program has to read."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("SELECT role, content, rest FROM messages ORDER BY turn, number").fetchall()


def once(runs: int) -> None:
    """Time `ollm -p` with and without the room, in turn."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.replay import ReplayServer

    with ReplayServer() as server, tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        (Path(second) / "config.yaml").write_text("plugins: {disabled: [sessions]}\n")
        (Path(first) / "config.yaml").write_text("plugins: {disabled: []}\n")
        usual = {**os.environ, "OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
        command = [OLLM, "-p", "hi"]
        pairs = [
            tuple(timed(lambda home=home: run(command, {**usual, "OLLM_HOME": home})) for home in (first, second))
            for _ in range(runs + 1)
        ][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    kept, bare = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    print(f"ollm -p: {ratio:.2f} times as long as without the room ({kept:.0f} ms / {bare:.0f} ms)")


def run(command: list[str], environ: dict[str, str]) -> None:
    """Run a process to its end."""
    subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    main(*[*given, *(10_000, 50_000, 20)[len(given) :]])
