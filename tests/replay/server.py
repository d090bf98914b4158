"""How are recordings replayed over a real socket?

A raw HTTP/1.1 server on asyncio streams, in a thread of its own. It answers with recordings, in their own
time if wanted, keeps every request, ends an answer where the recording ended, and notices a client that
hangs up::

    with ReplayServer({"/api/chat": ["chat_stream", "chat_server_stopped"]}) as server:
        ...                                    # talk to server.url
        assert server.requests[0].json["model"] == "smollm2:135m"
        assert server.wait_for_hangup(1.0)     # the client has closed its connection in the middle
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.replay.connection import Connection, Hangup, Request
from tests.replay.recordings import Recording, load

Answer = str | Recording
Rule = Answer | Sequence[Answer] | Callable[[Request], Answer]
"""What to answer with: a recording or its name, several to be used in turn (the last one stays), or a
function that chooses by the request."""

USUAL: Mapping[str, Rule] = {
    "/": "root_get",
    "/api/version": "version",
    "/api/tags": "tags_some",
    "/api/ps": "ps_none",
    "/api/show": "show_ok",
    "/api/chat": "chat_stream",
    "/api/generate": "generate_load",
}
"""What a healthy server answers where a script says nothing."""

_NOWHERE = Recording("nowhere", 404, {"Content-Type": "text/plain"}, "404 page not found")


def by_model(answers: Mapping[str, Answer], otherwise: Answer) -> Callable[[Request], Answer]:
    """Return a rule that answers by the model that the request names."""
    return lambda request: answers.get((request.json or {}).get("model", ""), otherwise)


@dataclass
class ReplayServer:
    """A server that answers with recordings; use it as a context manager.

    :param script: answers by path; what it leaves out is answered as by a healthy server
    :param speed: 0: no delays; 1: as recorded; 0.1: ten times as fast
    :param chunk_size: cut streamed answers into chunks of so many bytes, not one for each line
    :param port: 0 takes a free one
    """

    script: Mapping[str, Rule] = field(default_factory=dict)
    speed: float = 0.0
    chunk_size: int | None = None
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Request] = field(default_factory=list, init=False)
    hangups: list[Hangup] = field(default_factory=list, init=False)
    connections: int = field(default=0, init=False)
    on_request: Callable[[Request], None] | None = None
    _turns: dict[str, int] = field(default_factory=dict, init=False)
    _changed: threading.Condition = field(default_factory=threading.Condition, init=False)

    @property
    def url(self) -> str:
        """Where the server listens, e.g. "http://127.0.0.1:40123"."""
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> ReplayServer:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True, name="replay")
        self._thread.start()
        assert started.wait(10), "the replay server did not start"
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the listening socket and all connections at once."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def asked(self, path: str) -> list[Request]:
        """Return the requests for one path."""
        return [request for request in self.requests if request.path == path]

    def wait_for_hangup(self, timeout: float) -> Hangup | None:
        """Wait until a client has hung up in the middle of an answer; None after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self.hangups, timeout)
        return self.hangups[0] if self.hangups else None

    def wait_for_request(self, count: int, timeout: float) -> bool:
        """Wait until so many requests have come in; whether they have within `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.requests) >= count, timeout)

    def answer_to(self, request: Request) -> Recording:
        """Choose the answer to a request."""
        return self.by_rule(request.path, self.script.get(request.path, USUAL.get(request.path, _NOWHERE)), request)

    def by_rule(self, key: str, rule: Rule, request: Request) -> Recording:
        """Choose what a rule says; `key` is what the turns of several answers are counted by."""
        if callable(rule):
            answer = rule(request)
        elif isinstance(rule, str | Recording):
            answer = rule
        else:
            turn = self._turns.get(key, 0)
            self._turns[key] = turn + 1
            answer = rule[min(turn, len(rule) - 1)]
        return load(answer) if isinstance(answer, str) else answer

    def _run(self, started: threading.Event) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self.serve(started.set))

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until `close` is called; `ready` is called when the port is open."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        open_now: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connection(reader, writer).run())
            self.connections += 1
            open_now.add(task)
            task.add_done_callback(open_now.discard)

        listener = await asyncio.start_server(accept, self.host, self.port, limit=2**24)
        self.port = listener.sockets[0].getsockname()[1]
        ready()
        await self._stop.wait()
        listener.close()
        for task in open_now:
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Connection:
        options = self.answer_to, self._keep, self.speed, self.chunk_size, self.connections
        return Connection(*options, reader, writer)

    def _keep(self, found: Request | Hangup) -> None:
        with self._changed:
            (self.requests if isinstance(found, Request) else self.hangups).append(found)  # type: ignore[arg-type]
            self._changed.notify_all()
        if isinstance(found, Request) and self.on_request:
            self.on_request(found)
