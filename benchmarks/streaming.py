"""What does a streamed token cost, early and late in an answer, against a bare loop that reads the same stream?

usage: python benchmarks/streaming.py [RUNS]

Runs `ollm -p` and a bare httpx script in turn against the same stand-in server, with 200 and with 20,000 tokens.
What a token costs is the difference of the two, so that starting up does not count.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path

from startup import BARE, MODEL, OLLM, StandIn, once

FEW, MANY = 200, 20_000


class Long(StandIn):
    """Answers with as many tokens as the server was asked for."""

    tokens = FEW


def main(runs: int) -> None:
    """Print what a token costs, and the ratio."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Long)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE.format(model=MODEL, url=url))
        env = {**os.environ, "OLLM_HOME": folder, "OLLM_HOST": url, "OLLM_PROVIDER": "ollama"}
        commands = {"ollm -p": [OLLM, "-p", "hi", "-m", MODEL], "bare httpx": [sys.executable, str(script)]}
        timings: dict[tuple[str, int], list[float]] = {}
        for _ in range(runs + 1):
            for tokens in (FEW, MANY):
                Long.tokens = tokens
                for name, command in commands.items():
                    timings.setdefault((name, tokens), []).append(once(command, env))
    server.shutdown()
    report({key: statistics.median(values[1:]) for key, values in timings.items()})


def report(medians: dict[tuple[str, int], float]) -> None:
    """Print the figures."""
    each = {name: (medians[name, MANY] - medians[name, FEW]) / (MANY - FEW) * 1e6 for name, _ in medians}
    for name, cost in each.items():
        print(f"{name}: {cost:.1f} µs a token ({medians[name, MANY] * 1000:.0f} ms for {MANY:,})")
    print(f"ollm -p / bare httpx, per token: {each['ollm -p'] / each['bare httpx']:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
