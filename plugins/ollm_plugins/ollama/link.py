"""How do requests reach the server, and what is said when they do not?"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import unquote

from ollm.api import OllmError, ProviderError, ProviderUnreachable, visible, without_credentials
from ollm_plugins.ollama.address import Address
from ollm_plugins.ollama.failures import failure, not_ollama, server_error
from ollm_plugins.ollama.lean_httpx import httpx
from ollm_plugins.ollama.lines import LINE_LIMIT, LineReader, Lines
from ollm_plugins.ollama.local_transport import LocalTransport
from ollm_plugins.ollama.wire import encode

E = TypeVar("E")
Explain = Callable[[str], OllmError]
"""Turns a server's own words into an error."""

QUICK_READ = 30.0
"""Seconds of silence allowed to requests that need no model in memory."""

_LAST_BYTES = 0.2
"""Seconds to wait, after the last line, for the end of an answer that lets the connection be kept."""

_ERROR_LIMIT = 64 * 1024
_HEADERS = {
    "Accept-Encoding": "identity",  # lines are to come as they are made; a compressor would hold them back
    "Content-Type": "application/json",
    "User-Agent": "ollm",
}


class Link:
    """The connections to one server; opened when used first, kept for the next request.

    :param connect_timeout: seconds
    :param read_timeout: seconds of silence allowed to requests that may load a model; None: no limit
    """

    def __init__(self, address: Address, connect_timeout: float, read_timeout: float | None) -> None:
        self.address = address
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        read_timeout: float | None = QUICK_READ,
    ) -> dict[str, Any]:
        """Send one request and return the JSON object that comes back.

        :raises ProviderUnreachable: nobody answers
        :raises ModelNotFound: the server says so
        :raises ProviderError: it answers with another error, or not as Ollama would
        """
        async with self.stream(method, path, body, read_timeout) as response:
            data = await self._collect(response, LINE_LIMIT)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise not_ollama(self.address.url, f"answered {path} with something else than JSON") from error
        if not isinstance(answer, dict):
            raise not_ollama(self.address.url, f"answered {path} with JSON of another form")
        return answer

    async def tell(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send one request whose answer says no more than that it is done.

        :raises OllmError: as `ask` does
        """
        async with self.stream(method, path, body, QUICK_READ) as response:
            await self._collect(response, _ERROR_LIMIT, cut=True)

    async def events(
        self, path: str, body: Mapping[str, Any], reader: LineReader[E], explain: Explain = server_error
    ) -> AsyncGenerator[E, None]:
        """Send one request and yield what the reader makes of the lines that come back.

        Closing the iterator before its end closes the connection, and with it the work.

        :raises OllmError: as `ask` and the reader do
        """
        lines, broken = Lines(), ""
        async with self.stream("POST", path, body, self.read_timeout, explain) as response:
            chunks = _chunks(response)
            try:
                async for chunk in chunks:
                    for line in lines.feed(chunk):
                        for event in reader.read(line):
                            yield event
                    if reader.done:
                        break
            except httpx.RequestError as error:
                broken = reason(error)
            except OverflowError as error:
                raise not_ollama(self.address.url, "sent a line without an end") from error
            if reader.done:
                await _finish(chunks)
            else:
                for event in reader.end(lines.rest(), broken):
                    yield event

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        read_timeout: float | None,
        explain: Explain = server_error,
    ) -> AsyncIterator[httpx.Response]:
        """Send one request; within the context its answer, which has status 200, can be read.

        Leaving the context before the answer is over closes the connection, and with it the work.

        :param explain: makes an error of the server's words in an answer of another status
        :raises OllmError: as `ask` does
        """
        client = self._open()
        timeout = httpx.Timeout(read_timeout, connect=self.connect_timeout)
        content = None if body is None else encode(body)
        request = client.build_request(method, self.address.path + path, content=content, timeout=timeout)
        try:
            response = await client.send(request, stream=True)
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from error
        try:
            if response.status_code != httpx.codes.OK:
                text = (await self._collect(response, _ERROR_LIMIT, cut=True)).decode("utf-8", "replace")
                raise self._failure(response, text, path, explain)
            yield response
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    def _open(self) -> httpx.AsyncClient:
        """Return the client; a new one in a new event loop, since connections belong to their loop."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = self._make_client(), loop
        return self._client

    def _make_client(self) -> httpx.AsyncClient:
        address = self.address
        verify = address.scheme == "https"  # http needs no certificates, whose reading takes 20 ms
        # A transport of our own keeps the proxies of the environment out.
        transport: httpx.AsyncBaseTransport | None = None
        if address.loopback:
            transport = httpx.AsyncHTTPTransport() if verify else LocalTransport()
        user, _, password = map(unquote, address.credentials.partition(":"))
        auth = httpx.BasicAuth(user, password) if user else None
        base = httpx.URL(scheme=address.scheme, host=address.host, port=address.port)
        try:
            return httpx.AsyncClient(base_url=base, verify=verify, transport=transport, headers=_HEADERS, auth=auth)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            problem = f"The proxy for {address.url} cannot be used ({visible(without_credentials(str(error)))})"
            remedy = "Correct HTTP_PROXY, HTTPS_PROXY or ALL_PROXY, or add the host to NO_PROXY."
            raise OllmError(problem, remedy) from error

    async def _collect(self, response: httpx.Response, limit: int, *, cut: bool = False) -> bytes:
        data = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > limit:
                    if cut:
                        break
                    raise not_ollama(self.address.url, f"sent more than {limit >> 20} MiB")
        except httpx.RequestError as error:
            problem = f"The connection to Ollama at {self.address.url} ended in an answer ({reason(error)})"
            raise ProviderError(problem, "Try again.") from error
        return bytes(data[:limit])

    def _failure(self, response: httpx.Response, text: str, path: str, explain: Explain) -> OllmError:
        if response.has_redirect_location:
            target = visible(without_credentials(response.headers["location"]))
            return not_ollama(self.address.url, f"redirects {path} to {target}")
        return failure(response.status_code, text, path, self.address.url, explain)

    def _unreachable(self, error: Exception) -> ProviderUnreachable:
        where = self.address.url
        if isinstance(error, httpx.ReadTimeout):
            problem = f"Ollama at {where} kept silent too long ({reason(error)})"
            return ProviderUnreachable(problem, "Raise providers.ollama.readTimeout, or look into the server's log.")
        problem = f"Ollama does not answer at {where} ({reason(error)})"
        if self.address.loopback:
            return ProviderUnreachable(problem, "Start Ollama with `ollama serve`, or set OLLM_HOST to where it runs.")
        remedy = "Check OLLM_HOST; over there, Ollama must listen to other machines (OLLAMA_HOST=0.0.0.0)."
        return ProviderUnreachable(problem, remedy)


async def _finish(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end of an answer that is over, so that the connection can be used again."""
    with suppress(httpx.RequestError, TimeoutError):
        async with asyncio.timeout(_LAST_BYTES):
            async for _ in chunks:
                pass


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return the answer's bytes; undone is only a compression that a proxy forces on us."""
    return response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()


def reason(error: BaseException) -> str:
    """Say why a connection failed, in a few plain words."""
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return "silence for too long"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
            continue
        if isinstance(cause, OSError) and cause.errno:
            own = isinstance(cause, socket.gaierror)  # has numbers, and words of its own
            return visible(str(cause.strerror if own else os.strerror(cause.errno)).lower())
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return "it closed the connection"
    return visible(str(error)) or type(error).__name__
