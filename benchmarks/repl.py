"""What does a streamed token cost in the REPL, in a short answer and in a long one, against a bare loop?

usage: python benchmarks/repl.py [RUNS]

Runs the REPL in a pseudo-terminal, with Markdown drawn and with `--plain`, and a bare httpx loop that writes each
token to the same kind of terminal. All are asked in turn, each in one process that is warm, for the same streams of
200 and of 20,000 tokens of Markdown from the same stand-in server. What a token costs is told for both lengths, after
what an answer of one token takes: if it grew with the length of an answer, the two would differ.
"""

from __future__ import annotations

import json
import os
import pty
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from http.server import ThreadingHTTPServer
from itertools import cycle, islice
from pathlib import Path

from startup import ENTRY, MODEL, OLLM, StandIn

LENGTHS = (1, 200, 20_000)
END = "THE-END"
TEXT = """## A heading

The **Moon** is Earth's only *natural* satellite; see [NASA](https://nasa.gov) and `tidal locking` for more of it.

- one entry of a list, which is a bit longer than its row in the terminal, so that it is broken
- another

```python
def distance(day: int) -> float:
    \"\"\"Return kilometres.\"\"\"
    return 384_400 * (1 + 0.0549 * math.cos(day / 27.55))
```

| body | radius |
|------|-------:|
| Moon | 1737.4 |
| Earth | 6371 |

"""
BARE = """
import httpx, json, sys
print("> ", end="", flush=True)
for line in sys.stdin:
    body = {{"model": "{model}", "messages": [{{"role": "user", "content": line.strip()}}]}}
    with httpx.stream("POST", "{url}/api/chat", json=body, timeout=None) as r:
        for line in r.iter_lines():
            sys.stdout.write(json.loads(line)["message"]["content"])
            sys.stdout.flush()
"""


def stream_of(count: int) -> bytes:
    """Return an answer of so many tokens, of about four letters each as models have them."""
    tokens = re.findall(r"\s*\w{1,6}|\s*[^\w\s]+|\s+", TEXT)
    words = [*islice(cycle(tokens), count - 1), f"\n\n{END}"] if count > 1 else [END]
    lines = [{"model": MODEL, "message": {"role": "assistant", "content": word}, "done": False} for word in words]
    last = {"model": MODEL, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return "".join(json.dumps(line) + "\n" for line in (*lines, last)).encode()


STREAMS = {str(count): stream_of(count) for count in LENGTHS}


class Answers(StandIn):
    """Answers with as many tokens as the prompt says."""

    def do_POST(self) -> None:  # noqa: N802  (as the base class wants it)
        """Stream the tokens, or tell of the model."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/api/show":
            self._send(json.dumps(ENTRY).encode(), "application/json")
        else:
            self._send(STREAMS[asked["messages"][-1]["content"]], "application/x-ndjson")


class Process:
    """A program in a terminal of its own, which is asked one prompt after the other."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self._terminal, inner = pty.openpty()
        self._process = subprocess.Popen(
            command, env=env, cwd=env["OLLM_HOME"], stdin=inner, stdout=inner, stderr=inner
        )
        os.close(inner)
        self._until("> ", "\x1b[?25h")

    def seconds(self, count: int) -> float:
        """Ask for so many tokens; return the seconds until the last one stands on the screen."""
        os.write(self._terminal, f"{count}\r".encode())
        began = time.perf_counter()
        self._until(END)
        took = time.perf_counter() - began
        time.sleep(0.2)  # the prompt comes back
        return took

    def begin_anew(self) -> None:
        """Forget the conversation, so that each prompt is sent alone."""
        os.write(self._terminal, b"/new\r")
        self._until("begins.")
        time.sleep(0.2)

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        os.close(self._terminal)

    def _until(self, *marks: str) -> None:
        """Read until one of these has come."""
        seen, wanted = b"", [mark.encode() for mark in marks]
        while not any(mark in seen for mark in wanted):
            seen = seen[-64:] + os.read(self._terminal, 1 << 16)


def main(runs: int) -> None:
    """Measure and print."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE.format(model=MODEL, url=url))
        env = {**os.environ, "OLLM_HOME": folder, "OLLM_HOST": url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": MODEL}
        env |= {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        commands = {"Markdown": [OLLM], "--plain": [OLLM, "--plain"], "bare httpx": [sys.executable, str(script)]}
        programs = {name: Process(command, env) for name, command in commands.items()}
        timings: dict[tuple[str, int], list[float]] = {}
        for _ in range(runs + 1):
            for count in LENGTHS:
                for name, program in programs.items():
                    timings.setdefault((name, count), []).append(program.seconds(count))
                    if name != "bare httpx":
                        program.begin_anew()
        for program in programs.values():
            program.close()
    server.shutdown()
    report({key: statistics.median(values[1:]) for key, values in timings.items()})


def report(medians: dict[tuple[str, int], float]) -> None:
    """Print what a token costs in each form, and the ratio of their rates."""
    one, *lengths = LENGTHS
    costs: dict[str, float] = {}
    for name in dict.fromkeys(name for name, _ in medians):
        each = [(medians[name, count] - medians[name, one]) / (count - one) * 1e6 for count in lengths]
        told = ", ".join(f"{cost:.1f} µs a token of {count:,}" for cost, count in zip(each, lengths, strict=True))
        print(f"{name}: {told}  ({1e6 / each[-1]:,.0f} tokens/s)")
        costs[name] = each[-1]
    print(f"--plain reaches {costs['bare httpx'] / costs['--plain']:.2f} of the bare loop's rate")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
