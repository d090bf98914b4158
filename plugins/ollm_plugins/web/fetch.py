"""How is a page fetched within bounds: of where, of size and of steps? (Of time, the caller takes care.)"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ollm.api import OllmError, UsageError, __version__
from ollm_plugins.web.address import Address, joined
from ollm_plugins.web.guard import Allowed, resolved

if TYPE_CHECKING:
    import ssl

    import httpx

MOST_REDIRECTS: Final = 5
_CONNECTING: Final = 5.0
"""Seconds for a connection to one of a host's addresses, before the next one is tried."""

_GZIP: Final = b"\x1f\x8b"
_MEMBERS: Final = 1_000
"""Pieces in which a page may be packed; each takes its time, also one that holds nothing."""

_HEADERS: Final = {
    "User-Agent": f"ollm/{__version__}",
    "Accept": "text/html, application/xhtml+xml, text/*;q=0.9, application/json;q=0.9, application/xml;q=0.8",
    "Accept-Encoding": "gzip",  # which is undone here, within bounds
}


class Page(Struct, frozen=True):
    """What came back.

    :param status: its code and what that means, e.g. "404 Not Found"; not the server's words
    :param kind: media type and parameters, as the server says them
    :param cut: whether there was more
    """

    address: Address
    status: str
    kind: str
    body: bytes
    cut: bool


class Elsewhere(Struct, frozen=True):
    """A page is at another host, which nobody has approved of."""

    address: Address


async def fetch(address: Address, allowed: Allowed, limit: int, environ: Mapping[str, str]) -> Page | Elsewhere:
    """Fetch a page; redirects are followed within the host.

    :param limit: bytes to read of it, after decompression
    :param environ: may name certificates, in SSL_CERT_FILE or SSL_CERT_DIR
    :raises UsageError: it, or what it redirects to, may not be fetched
    :raises OllmError: it cannot be fetched
    """
    first = address
    for _ in range(MOST_REDIRECTS + 1):
        found = await _step(address, await resolved(address.host, address.port, allowed), limit, environ)
        if isinstance(found, Page):
            return found
        if (address.scheme, found.scheme) == ("https", "http"):
            raise UsageError(
                f"{address.url} redirects to {found.url}, which is not encrypted", "Fetch that, if need be."
            )
        address = found
        if _bare(address.host) != _bare(first.host):
            await resolved(address.host, address.port, allowed)
            return Elsewhere(address)
    raise OllmError(f"{first.url} redirects more than {MOST_REDIRECTS} times", "Fetch another address.")


def _bare(host: str) -> str:
    return host.removeprefix("www.")


async def _step(address: Address, ips: list[str], limit: int, environ: Mapping[str, str]) -> Page | Address:
    """Send one request; returns the page, or where it redirects to.

    :raises OllmError: it cannot be fetched
    """
    import httpx

    try:
        context = _certificates(environ) if address.scheme == "https" else False
        timeout = httpx.Timeout(None, connect=_CONNECTING)
        transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
        async with httpx.AsyncClient(transport=transport, trust_env=False, headers=_HEADERS, timeout=timeout) as client:
            response = await _connected(client, address, ips)
            try:
                if response.has_redirect_location:
                    return joined(address, response.headers["location"])
                return await _read(response, address, limit)
            finally:
                await response.aclose()
    except (httpx.RequestError, httpx.InvalidURL, zlib.error) as error:
        words = str(error).partition(": bytearray(")[0] or type(error).__name__  # what follows is the server's words
        raise OllmError(
            f"{address.host} could not be fetched from ({words})", "Try again, or another address."
        ) from error


def _certificates(environ: Mapping[str, str]) -> ssl.SSLContext:
    """Return what a server's certificate is checked with: what the user's variables name, else certifi's list.

    :raises OllmError: it cannot be read
    """
    import ssl

    import certifi

    file, folder = environ.get("SSL_CERT_FILE"), environ.get("SSL_CERT_DIR")
    try:
        return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder)
    except OSError as error:
        raise OllmError(
            f"The certificates in {file or folder} cannot be read ({error})", "Correct SSL_CERT_FILE."
        ) from error


async def _connected(client: httpx.AsyncClient, address: Address, ips: list[str]) -> httpx.Response:
    """Send the request to the first of the checked addresses that takes it; no name is resolved again.

    :raises httpx.RequestError: none does
    """
    import httpx

    problem: httpx.TransportError | None = None
    for ip in ips:
        where = f"{address.scheme}://{f'[{ip}]' if ':' in ip else ip}:{address.port}{address.target}"
        extensions = {"sni_hostname": address.host}
        headers = {"Host": address.authority}
        request = client.build_request("GET", where, headers=headers, extensions=extensions)
        try:
            return await client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            problem = error
    raise problem or httpx.ConnectError("it has no address")


async def _read(response: httpx.Response, address: Address, limit: int) -> Page:
    """:raises OllmError: the server compresses it in a way that it was not asked for"""
    import httpx

    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip", ""):
        raise OllmError(f"{address.host} compresses its page in a way that is not known", "Fetch another address.")
    kind = response.headers.get("content-type", "")
    body, cut = await bounded(response.aiter_raw(), limit, packed="gzip" in coding)
    status = f"{response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip()
    return Page(address, status, kind, body, cut)


async def bounded(chunks: AsyncIterator[bytes], limit: int, *, packed: bool) -> tuple[bytes, bool]:
    """Read so many bytes, after decompression, and say whether there are more. No more than that is ever unpacked.

    :raises zlib.error: it is not packed as it is said to be, or not whole
    """
    body, taken = bytearray(), 0
    unpacker = _Unpacker() if packed else None
    async for chunk in chunks:
        taken += len(chunk)
        body += chunk if unpacker is None else unpacker.unpacked(chunk, limit + 1 - len(body))
        if len(body) > limit or taken > limit:
            return bytes(body[:limit]), True
    if unpacker is not None and taken and not unpacker.is_whole:
        raise zlib.error("it ended too soon")
    return bytes(body), False


class _Unpacker:
    """Undoes gzip, of which several may stand one after the other."""

    def __init__(self) -> None:
        self._members = 1
        self._member = zlib.decompressobj(wbits=31)

    @property
    def is_whole(self) -> bool:
        """Whether the last one has come to its end."""
        return self._member.eof

    def unpacked(self, data: bytes, most: int) -> bytes:
        """Unpack what has come; what follows and is no gzip is left out, as browsers do.

        :param most: bytes to unpack, at least 1
        :raises zlib.error: it is not packed as it is said to be
        """
        found = self._member.decompress(data, most)
        while len(found) < most and (rest := self._member.unused_data) and _GZIP.startswith(rest[: len(_GZIP)]):
            self._members += 1
            if self._members > _MEMBERS:
                raise zlib.error("it is packed in too many pieces")
            self._member = zlib.decompressobj(wbits=31)
            found += self._member.decompress(rest, most - len(found))
        return found
