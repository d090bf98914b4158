"""What happens on one connection of the replay server?"""

from __future__ import annotations

import asyncio
import http
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.replay.recordings import Recording


@dataclass(frozen=True)
class Request:
    """A request that came in.

    :param headers: names in lower case
    :param at: `time.monotonic()` of its arrival, in seconds
    :param connection: number of the connection that it came on, from 0
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float
    connection: int

    @property
    def json(self) -> Any:
        """The body as JSON, None if there is none."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Hangup:
    """A client that closed its connection before the answer was over.

    :param sent: lines of the answer that had been sent by then
    :param at: `time.monotonic()`, in seconds
    """

    request: Request
    sent: int
    at: float


@dataclass
class Connection:
    """One connection of a client, from its first request to its end.

    :param answer_to: chooses the recording
    :param keep: is told of requests and hang-ups
    """

    answer_to: Callable[[Request], Recording]
    keep: Callable[[Request | Hangup], None]
    speed: float
    chunk_size: int | None
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    early: bytes = b""
    sent: int = 0

    async def run(self) -> None:
        """Serve the connection until one side closes it."""
        try:
            while request := await self._request():
                self.keep(request)
                if not await self._answer(request, self.answer_to(request)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left between two answers, as it may
        finally:
            self.writer.close()

    async def _request(self) -> Request | None:
        head = self.early + await self.reader.readuntil(b"\r\n\r\n")
        self.early = b""
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = first.split(" ")
        return Request(method, path, headers, body, time.monotonic(), self.number)

    async def _answer(self, request: Request, recording: Recording) -> bool:
        """Send an answer while listening for the client's hang-up; whether the connection can stay."""
        self.sent = 0
        sending = asyncio.create_task(self._send(request, recording))
        leaving = asyncio.create_task(self.reader.read(1))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done() and not leaving.exception():
                self.early = leaving.result()
            if self.early:  # the beginning of the next request: the client is still there
                return await sending
            if sending.done() and not sending.exception():
                return sending.result()
            self.keep(Hangup(request, self.sent, time.monotonic()))
            return False
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.wait({sending, leaving})

    async def _send(self, request: Request, recording: Recording) -> bool:
        began = time.monotonic()
        await self._until(began, recording.header_ms)
        await _let_go(recording, None)
        self.writer.write(_head(recording, request.method))
        if recording.lines is not None and request.method != "HEAD":
            await self._send_lines(recording, began)
        elif request.method != "HEAD":
            await self._until(began, recording.total_ms)
            _ending(recording)
            self.writer.write(_body(recording))
        await self.writer.drain()
        if recording.end == "client":
            await asyncio.Event().wait()  # the recorded server had more to say; ours waits for the hang-up
        return recording.end == "complete"

    async def _send_lines(self, recording: Recording, began: float) -> None:
        assert recording.lines is not None
        if self.chunk_size:
            _ending(recording)
            for piece in _pieces("".join(f"{line}\n" for line in recording.lines).encode(), self.chunk_size):
                self.writer.write(_chunk(piece))
                await self.writer.drain()
        else:
            for line, due in zip(recording.lines, recording.line_ms or [0] * len(recording.lines), strict=True):
                await self._until(began, due)
                await _let_go(recording, self.sent)
                if self.sent == len(recording.lines) - 1:
                    _ending(recording)
                self.writer.write(_chunk(line.encode() + b"\n"))
                self.sent += 1
                if self.speed or self.sent % 64 == 0:
                    await self.writer.drain()
        await self._until(began, recording.total_ms)
        if recording.end == "complete":
            self.writer.write(b"0\r\n\r\n")

    async def _until(self, began: float, milliseconds: int) -> None:
        """Sleep until the scaled moment of the recording."""
        delay = began + milliseconds / 1000 * self.speed - time.monotonic()
        if self.speed and delay > 0:
            await asyncio.sleep(delay)


async def _let_go(recording: Recording, line: int | None) -> None:
    """Wait until a test lets a line go, or the header; a minute at most, so that a test can fail."""
    if recording.held is not None and recording.held[0] == line:
        until = time.monotonic() + 60
        while not recording.held[1].is_set() and time.monotonic() < until:
            await asyncio.sleep(0.01)


def _ending(recording: Recording) -> None:
    if recording.before_end is not None:
        recording.before_end()


def _head(recording: Recording, method: str) -> bytes:
    phrase = http.HTTPStatus(recording.status).phrase
    headers = dict(recording.headers)
    if recording.lines is not None:
        headers["Transfer-Encoding"] = "chunked"
    elif "Transfer-Encoding" not in headers and method != "HEAD":
        headers["Content-Length"] = str(len(recording.body.encode()))
    lines = [
        f"HTTP/1.1 {recording.status} {phrase}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _body(recording: Recording) -> bytes:
    data = recording.body.encode()
    chunked = "Transfer-Encoding" in recording.headers
    return _chunk(data) + b"0\r\n\r\n" if chunked and data else b"0\r\n\r\n" if chunked else data


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]
