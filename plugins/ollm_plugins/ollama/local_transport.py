"""How do bytes get to a server on this machine, with the least to import?

httpx's own transport needs httpcore's sync and async halves and anyio: 35 ms at the start of each
`ollm -p`, a sixth of the whole. On this machine there is no proxy, no certificate and no second version of
HTTP, so asyncio's streams and h11, which speaks the protocol in httpx's own transport too, are enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import h11

from ollm_plugins.ollama.lean_httpx import httpx

T = TypeVar("T")
_READ_SIZE = 1 << 16
_LOCALHOST = ("127.0.0.1", "::1")
"""What "localhost" is everywhere (RFC 6761); asking the resolver would take a thread."""


class LocalTransport(httpx.AsyncBaseTransport):
    """Carries requests to this machine over plain HTTP/1.1; connections are kept and used again."""

    def __init__(self) -> None:
        self._idle: list[_Connection] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer as soon as the header is there.

        :raises httpx.TransportError: as httpx's own transport does
        """
        timeout = request.extensions.get("timeout", {})
        while self._idle:
            connection = self._idle.pop()
            if not connection.usable:
                connection.close()
                continue
            try:
                return await self._exchange(connection, request, timeout.get("read"))
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                break  # closed by the server while it was idle; a new one tells more
        connection = await _connect(request.url, timeout.get("connect"))
        return await self._exchange(connection, request, timeout.get("read"))

    async def aclose(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().close()

    def keep(self, connection: _Connection) -> None:
        """Take a connection back whose answer was read, or given up."""
        if connection.restart():
            self._idle.append(connection)
        else:
            connection.close()

    async def _exchange(
        self, connection: _Connection, request: httpx.Request, patience: float | None
    ) -> httpx.Response:
        try:
            await connection.send(request, patience)
            head = await connection.head(patience)
        except BaseException:
            connection.close()
            raise
        body = _Body(self, connection, patience)
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), stream=body)


class _Connection:
    """One connection, and where the conversation on it stands."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(our_role=h11.CLIENT)

    @property
    def usable(self) -> bool:
        """Whether the server has not closed it."""
        return not (self._reader.at_eof() or self._reader.exception() or self._writer.is_closing())

    def restart(self) -> bool:
        """Get ready for the next request; False when the last answer is not over or was the last."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def close(self) -> None:
        """Hang up at once."""
        self._writer.transport.abort()

    async def send(self, request: httpx.Request, patience: float | None) -> None:
        """Send a whole request."""
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        try:
            parts = [self._http.send(event) for event in (head, h11.Data(await request.aread()), h11.EndOfMessage())]
            self._writer.write(b"".join(part for part in parts if part))
            await _within(patience, self._writer.drain())
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        except TimeoutError as error:
            raise httpx.WriteTimeout("") from error
        except OSError as error:
            raise httpx.WriteError(str(error)) from error

    async def head(self, patience: float | None) -> h11.Response:
        """Wait for the header of the answer."""
        while True:
            event = self._event()
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                await self._receive(patience)
            elif not isinstance(event, h11.InformationalResponse):
                raise httpx.RemoteProtocolError("it closed the connection without an answer")

    async def body(self, patience: float | None) -> AsyncIterator[bytes]:
        """Yield the body; what has come at once is yielded at once."""
        parts: list[bytes] = []
        while True:
            event = self._event()
            if isinstance(event, h11.Data):
                parts.append(event.data)
                continue
            if parts:
                yield b"".join(parts)
                parts.clear()
            if event is not h11.NEED_DATA:
                return
            await self._receive(patience)

    def _event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error

    async def _receive(self, patience: float | None) -> None:
        try:
            data = await _within(patience, self._reader.read(_READ_SIZE))
        except TimeoutError as error:
            raise httpx.ReadTimeout("") from error
        except OSError as error:
            raise httpx.ReadError(str(error)) from error
        try:
            self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error


class _Body(httpx.AsyncByteStream):
    """The body of an answer; closing it before its end closes the connection."""

    def __init__(self, transport: LocalTransport, connection: _Connection, patience: float | None) -> None:
        self._transport, self._connection, self._patience = transport, connection, patience
        self._closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._connection.body(self._patience)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._transport.keep(self._connection)


async def _connect(url: httpx.URL, patience: float | None) -> _Connection:
    hosts = _LOCALHOST if url.host == "localhost" or url.host.endswith(".localhost") else (url.host,)
    problem: OSError | None = None
    for host in hosts:
        try:
            return _Connection(*await _within(patience, asyncio.open_connection(host, url.port)))
        except TimeoutError as error:
            raise httpx.ConnectTimeout("") from error
        except OSError as error:
            problem = problem or error
    raise httpx.ConnectError(str(problem)) from problem


async def _within(patience: float | None, work: Awaitable[T]) -> T:
    """Await, but not longer than so many seconds; None: for good."""
    if patience is None:
        return await work
    async with asyncio.timeout(patience):
        return await work
