"""Which addresses may be connected to? None of this machine or its network, unless the user allows it.

A name is resolved here, every address that it has is checked, and only to those that were checked is a connection made:
a name that means something else a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterable
from typing import Final

from ollm.api import OllmError, UsageError

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PUBLIC_IPV6: Final = ipaddress.IPv6Network("2000::/3")
"""Global unicast: all that was ever given out. Python 3.11 takes some others for public, e.g. fec0::/10."""

_SPECIAL: Final = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "3fff::/20"))
)
"""What the registries of IANA set apart for protocols and documentation, not all of which Python 3.11 knows; with Oracle's
metadata service in 192.0.0.0/24, and that of Azure, which has an address of the public internet."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 addresses as a network without IPv4 names them (RFC 6052)."""

_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


class Allowed:
    """The private hosts and networks that the user allows.

    :param entries: names of hosts, IP addresses and networks; see `mistake`
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in entries:
            network = _network(entry)
            if network is None:
                self._names.add(_name(entry))
            else:
                self._networks.append(network)

    def covers(self, host: str, ip: IP) -> bool:
        """Say whether the user allows a host, or an address that it has."""
        return host in self._names or any(ip in network for network in self._networks)


def mistake(entry: str) -> str:
    """Say what is wrong with an entry of `tools.web.allowPrivate`; nothing if it is right."""
    if _network(entry) is not None:
        return ""
    plain = all(each.isalnum() or each in "-_" for each in _name(entry).replace(".", ""))
    return (
        ""
        if plain and _name(entry) and entry.isascii()
        else f"{entry!r} is neither a host nor a network such as 10.0.0.0/8"
    )


async def resolved(host: str, port: int, allowed: Allowed) -> list[str]:
    """Return the addresses of a host, every one of them checked.

    :raises OllmError: it has none
    :raises UsageError: one of them may not be connected to
    """
    try:
        found = await _looked_up(host, port)
    except (OSError, UnicodeError) as error:
        raise OllmError(f"The host {host} cannot be found ({error})", "Check the address.") from error
    addresses = list(dict.fromkeys(found))
    for each in addresses:
        ip = ipaddress.ip_address(each)
        if not is_public(ip) and not allowed.covers(host, _inner(ip) or ip):
            what = host if host == each else f"{host} ({each})"
            remedy = "The user may allow it in the setting tools.web.allowPrivate."
            raise UsageError(f"{what} is not on the public internet, so nothing was fetched", remedy)
    if not addresses:
        raise OllmError(f"The host {host} has no address", "Check the address.")
    return addresses


async def _looked_up(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses.

    That is done in a thread of its own, which nobody waits for: those of the event loop are waited for when the program
    ends, and a name server may take its time.

    :raises OSError: it has none
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def tell(found: list[str], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def ask() -> None:
        found: list[str] = []
        problem: Exception | None = None
        try:
            found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            problem = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, found, problem)

    threading.Thread(target=ask, name="web-lookup", daemon=True).start()
    return await answer


def is_public(ip: IP) -> bool:
    """Say whether an address is one of a machine on the public internet; what holds another one must be so twice."""
    inner = _inner(ip)
    if inner is not None:
        return is_public(inner) and (ip in _NAT64 or ip.is_global)
    if not ip.is_global or ip.is_multicast or ip.is_reserved or any(ip in each for each in _SPECIAL):
        return False
    return ip.version == 4 or ip in _PUBLIC_IPV6  # noqa: PLR2004


def _inner(ip: IP) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if any."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip.ipv4_mapped or ip.sixtofour:
        return ip.ipv4_mapped or ip.sixtofour
    if ip.teredo:
        return ip.teredo[1]
    holds = ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1)
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if holds else None


def _network(entry: str) -> Network | None:
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


def _name(entry: str) -> str:
    return entry.lower().removesuffix(".")
