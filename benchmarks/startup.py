"""How long does ollm take to start, against what the same work costs without it?

usage: python benchmarks/startup.py [RUNS]

Prints ratios of medians of pairs that ran in the same minute: `ollm --version` against importing Typer,
`ollm -p hi` against a bare httpx script that sends the same request to the same stand-in server, and what
1, 20 and 100 more plugins add.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

OLLM = str(Path(sys.executable).with_name("ollm"))
MODEL = "stand-in:1b"
TOKENS = 20
ENTRY = {
    "name": MODEL,
    "model": MODEL,
    "modified_at": "2026-11-22T07:28:32Z",
    "size": 98364106,
    "digest": "a10de68f60b4",
    "details": {"family": "llama", "context_length": 8192},
    "capabilities": ["completion"],
    "context_length": 4096,
    "size_vram": 0,
    "expires_at": "2318-01-01T00:00:00Z",
    "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
}

BARE = """
import httpx, json, sys
body = {{"model": "{model}", "messages": [{{"role": "user", "content": "hi"}}]}}
with httpx.stream("POST", "{url}/api/chat", json=body, timeout=None) as r:
    for line in r.iter_lines():
        sys.stdout.write(json.loads(line)["message"]["content"])
"""
PLUGIN = """
from ollm.api import Command, Specs, hookimpl
class Plugin(Specs):
    @hookimpl
    def ollm_commands(self, ctx):
        return [Command("extra{number}", "Nothing.", "extra{number}.work:run")]
"""


class StandIn(BaseHTTPRequestHandler):
    """Has one model, and answers every chat with the same short stream."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as real servers have it; else a connection in use waits 40 ms for an ACK
    tokens = TOKENS

    def do_GET(self) -> None:
        """Tell of the model; it is in memory."""
        self._send(json.dumps({"version": "0.32.15", "models": [ENTRY]}).encode(), "application/json")

    def do_POST(self) -> None:
        """Stream the tokens, or tell of the model."""
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/api/show":
            self._send(json.dumps(ENTRY).encode(), "application/json")
            return
        lines = [{"model": MODEL, "message": {"role": "assistant", "content": "tok "}, "done": False}] * self.tokens
        last = {"model": MODEL, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
        self._send("".join(json.dumps(line) + "\n" for line in (*lines, last)).encode(), "application/x-ndjson")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def main(runs: int) -> None:
    """Print the ratios."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "bare.py").write_text(BARE.format(model=MODEL, url=url))
        env = {**os.environ, "OLLM_HOME": folder, "OLLM_HOST": url, "OLLM_PROVIDER": "ollama"}
        python = sys.executable
        compare("ollm --version / import typer", [OLLM, "--version"], [python, "-c", "import typer"], env, runs)
        ask = [OLLM, "-p", "hi", "-m", MODEL]
        compare("ollm -p hi / bare httpx", ask, [python, str(home / "bare.py")], env, runs)
        growth(home, env, runs)
    server.shutdown()


def compare(label: str, ours: list[str], theirs: list[str], env: dict[str, str], runs: int) -> None:
    """Time two commands in turn."""
    pairs = [(once(ours, env), once(theirs, env)) for _ in range(runs + 1)][1:]
    ratio = statistics.median(a / b for a, b in pairs)
    mine, other = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    print(f"{label}: {ratio:.2f}  ({mine:.0f} ms / {other:.0f} ms)")


def growth(home: Path, env: dict[str, str], runs: int) -> None:
    """Time `ollm --help`, which loads every plugin, with more and more of them."""
    timings: dict[int, list[float]] = {}
    counts = (0, 1, 20, 100)
    for count in counts:
        make_plugins(home / str(count), count)
    for _ in range(runs + 1):
        for count in counts:
            added = {**env, "PYTHONPATH": str(home / str(count))}
            timings.setdefault(count, []).append(once([OLLM, "--help"], added))
    none = statistics.median(timings[0][1:])
    for count in counts[1:]:
        more = (statistics.median(timings[count][1:]) - none) * 1000
        print(f"{count} more plugins: +{more:.1f} ms, {more / count:.2f} ms each")


def make_plugins(folder: Path, count: int) -> None:
    """Install plugins as a package manager would leave them: modules and their metadata."""
    folder.mkdir()
    for number in range(count):
        name = f"extra{number}"
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("")
        (folder / name / "plugin.py").write_text(PLUGIN.format(number=number))
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[ollm]\n{name} = {name}.plugin:Plugin\n")


def once(command: list[str], env: dict[str, str]) -> float:
    """Return the wall time of one run, in seconds."""
    started = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
