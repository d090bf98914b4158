"""How does a test in another process get a replay server?

usage: python -m tests.replay [--port N] [--speed X] [--log FILE] [PATH=NAME[,NAME…] …]

Prints the server's address, then serves until it is stopped. Each request is appended to the log as one line
of JSON. `python -m tests.replay add FILE…` takes over new recordings.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from pathlib import Path

from tests.replay.connection import Request
from tests.replay.recordings import add
from tests.replay.server import ReplayServer


def main(arguments: list[str]) -> None:
    """Serve, or take over recordings."""
    if arguments[:1] == ["add"]:
        for name in arguments[1:]:
            print(add(Path(name)))
        return
    parser = argparse.ArgumentParser(prog="python -m tests.replay", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--speed", type=float, default=0.0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("answers", nargs="*", metavar="PATH=NAME[,NAME…]")
    chosen = parser.parse_args(arguments)
    script = {path: found.split(",") for path, _, found in (answer.partition("=") for answer in chosen.answers)}
    server = ReplayServer(script, chosen.speed, port=chosen.port)
    if chosen.log:
        server.on_request = lambda request: _log(chosen.log, request)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve(lambda: print(server.url, flush=True)))


def _log(file: Path, request: Request) -> None:
    line = {"at": request.at, "method": request.method, "path": request.path, "json": request.json}
    with file.open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
