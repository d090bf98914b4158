"""Which address does a model mean, if any?

There is one reading of it: what could be read in two ways is refused, since who checks an address and who connects to it
might read it differently.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

from msgspec import Struct

from ollm.api import UsageError, is_unseen

_LONGEST: Final = 4_000
"""Characters; servers take no more than about 8,000."""

_PORTS: Final = {"http": 80, "https": 443}
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Address(Struct, frozen=True):
    """Where to send a request.

    :param host: in lower case and ASCII, without the final dot; an IP address in its usual form
    :param target: path and query
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as they stand in an address and in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.authority}{self.target}"


def address_of(url: str) -> Address:
    """Return what a URL means.

    :raises UsageError: it is none that may be fetched
    """
    url = url.strip()
    if len(url) > _LONGEST:
        raise UsageError(f"The address has {len(url)} characters; {_LONGEST} are allowed")
    if "\\" in url or any(unicodedata.category(each)[0] in "CZ" or is_unseen(each) for each in url):
        raise UsageError(
            "The address holds spaces or characters that no address can hold", "Write them as %20 and so on."
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"That is no address: {error}") from error
    _refuse(parts, port)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, _host(parts.hostname or ""), port or _PORTS[parts.scheme], target)


def joined(address: Address, location: str) -> Address:
    """Return where a redirect leads.

    :raises UsageError: it leads to nothing that may be fetched
    """
    try:
        return address_of(urljoin(address.url, location.strip()))
    except ValueError as error:
        raise UsageError(f"{address.url} redirects to what is no address") from error


def _refuse(parts: SplitResult, port: int | None) -> None:
    """:raises UsageError: the parts of an address forbid to fetch it"""
    if parts.scheme not in _PORTS:
        raise UsageError("Only addresses with http:// or https:// can be fetched", "Write it whole, e.g. https://…")
    if "@" in parts.netloc:
        raise UsageError("The address holds a user's name or a password", "Leave out what stands before the @.")
    if "[" in parts.netloc and ":" not in (parts.hostname or ""):
        raise UsageError("What stands in brackets is no IP address", "Write it as http://[2001:db8::1]/.")
    if not parts.hostname or port == 0:
        raise UsageError("The address names no host" if not parts.hostname else "There is no port 0")


def _host(name: str) -> str:
    """Return a host's name in the one form in which it is compared, resolved and asked for.

    :raises UsageError: it is none
    """
    if ":" in name:
        return _literal(name)
    if not name.isascii():
        name = _punycode(name)
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(each) and len(each) <= 63 for each in labels):  # noqa: PLR2004  (RFC 1035)
        raise UsageError(f"{name!r} is no name of a host")
    return _literal(name) if _NUMBER.fullmatch(labels[-1]) else name


def _literal(name: str) -> str:
    """:raises UsageError: an IP address stands in a form that not everyone reads alike, such as 0177.1 or 2130706433"""
    try:
        return str(ipaddress.ip_address(name.replace("%", "/")))  # "%eth0" is for this machine only
    except ValueError as error:
        raise UsageError(
            f"{name!r} is no IP address in its usual form", "Write it as 192.0.2.1 or [2001:db8::1]."
        ) from error


def _punycode(name: str) -> str:
    """:raises UsageError: it cannot be the name of a host"""
    import idna

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise UsageError(f"{name!r} is no name of a host: {error}") from error
