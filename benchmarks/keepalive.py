"""How much sooner does an answer begin when its model is kept in memory?

usage: python benchmarks/keepalive.py [RUNS]

Prints ratios of medians of the time to the first token, cold against warm: on a stand-in server that takes 2 s to load
a model, and on the embedded engine with its built-in model. Cold is a model that is not in memory. Warm on the server
is a model that was left idle for longer than its time, and is there only because it was kept; the same without
keeping it is printed as well. Warm in the engine is a model that was loaded ahead.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ollm.api import App, Output

LOAD = 2.0
"""Seconds that the stand-in takes to load a model."""

KEEP = 1
"""Seconds for which a model stays there after its last use."""

MODEL, CONTEXT, BUILT_IN = "stand-in:1b", 4096, "smollm2:135m"
TOKENS = ["Hello", " there", "."]
LISTED = {
    "name": MODEL,
    "model": MODEL,
    "size": 10**9,
    "details": {"family": "llama", "context_length": CONTEXT},
    "capabilities": ["completion"],
}


class StandIn(BaseHTTPRequestHandler):
    """Loads one model when it is asked for, and lets it go after its time."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # an answer in two packets would wait 40 ms for the first to be acknowledged
    lock = threading.Lock()
    expires = 0.0

    def do_GET(self) -> None:
        """Answer what is there, and what is in memory."""
        cls = type(self)
        if self.path == "/api/ps":
            at = (datetime.now(UTC) + timedelta(seconds=cls.expires - time.monotonic())).isoformat()
            there = [{**LISTED, "expires_at": at, "context_length": CONTEXT}] if self._is_loaded() else []
            self._send({"models": there})
        else:
            self._send({"models": [LISTED]} if self.path == "/api/tags" else {"version": "0"})

    def do_POST(self) -> None:
        """Load the model, and answer."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/api/show":
            self._send({"details": LISTED["details"], "capabilities": LISTED["capabilities"], "model_info": {}})
            return
        cls = type(self)
        with cls.lock:
            if not self._is_loaded():
                time.sleep(LOAD)
            cls.expires = time.monotonic() + body.get("keep_alive", 300)
        if self.path == "/api/generate":
            self._send({"model": MODEL, "response": "", "done": True, "done_reason": "load"})
            return
        lines = [{"model": MODEL, "message": {"role": "assistant", "content": each}, "done": False} for each in TOKENS]
        self._send(*lines, {"model": MODEL, "message": {"role": "assistant", "content": ""}, "done": True})

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _is_loaded(self) -> bool:
        return time.monotonic() < type(self).expires

    def _send(self, *lines: dict[str, Any]) -> None:
        data = "".join(json.dumps(line) + "\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """A server to which a client that leaves in the middle is no error."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what went wrong, unless the client has left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def opened(home: Path, environ: dict[str, str], **keep_alive: object) -> Iterator[App]:
    """Open an app with its background tasks, as a conversation at the terminal has it."""
    settings = {"model": {"keepAlive": {"timeout": KEEP, **keep_alive}}, "options": {"maxTokens": 16}}
    (home / "config.yaml").write_text(json.dumps(settings))
    app = App({"OLLM_HOME": str(home), **environ}, output=Output(io.StringIO(), io.StringIO()))
    app.begin_background()
    try:
        yield app
    finally:
        app.close()


def first_token(app: App, prompt: str) -> float:
    """Hold a turn and return the seconds to its first token."""

    async def hold() -> float:
        conversation = app.conversation()
        async for _ in conversation.ask(prompt):
            pass
        assert conversation.last_turn is not None
        return conversation.last_turn.first_token_seconds or 0.0

    return app.run(hold())


def on_a_server(home: Path, url: str, models: list[str]) -> tuple[float, float]:
    """Return the seconds to the first token with nothing in memory, and after being idle for longer than its time."""
    environ = {"OLLM_HOST": url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": MODEL}
    StandIn.expires = 0.0
    with opened(home, environ) as app:
        cold = first_token(app, "Hello")
    with opened(home, environ, models=models) as app:
        app.run(asyncio.sleep(LOAD + 3 * KEEP))
        return cold, first_token(app, "Hello")


def in_the_engine(home: Path, number: int) -> tuple[float, float]:
    """Return the seconds to the first token with nothing in memory, and with the model loaded ahead."""
    environ = {"OLLM_PROVIDER": "local", "OLLM_MODEL": BUILT_IN}
    with opened(home, environ) as app:
        cold = first_token(app, f"Name {number + 2} colours.")
    with opened(home, environ, models=[BUILT_IN]) as app:
        app.run(loaded(app))
        return cold, first_token(app, f"Name {number + 2} colours.")


async def loaded(app: App) -> None:
    """Wait until the engine has a model in memory."""
    provider: Any = app.providers.make(app.providers.entry("local"))
    async with asyncio.timeout(60):
        while not await provider.loaded_models():  # noqa: ASYNC110  (nobody tells when it is there)
            await asyncio.sleep(0.01)


def report(what: str, pairs: list[tuple[float, float]]) -> None:
    """Print the medians and their ratio."""
    cold, warm = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"{what}: cold {cold * 1000:.0f} ms, then {warm * 1000:.0f} ms; cold / then: {cold / warm:.1f}")


def main(runs: int) -> None:
    """Print the ratios."""
    server = Server(("127.0.0.1", 0), StandIn)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with opened(home, {"OLLM_PROVIDER": "local"}) as app:
            first_token(app, "Hello")  # fetches the weights, and reads them into the system's cache
        report("stand-in, kept", [on_a_server(home, url, [MODEL]) for _ in range(runs)])
        report("stand-in, not kept", [on_a_server(home, url, []) for _ in range(runs)])
        report("embedded engine, loaded ahead", [in_the_engine(home, number) for number in range(runs)])
    server.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
