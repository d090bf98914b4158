"""Which server does a host setting mean?

The forms are those of OLLAMA_HOST (Ollama's envconfig.Host): host, host:port, :port, scheme://host, bare or
bracketed IPv6, a path prefix, quotes and blanks around. Without a scheme the port is 11434, with one it is 80
or 443. Unlike a server, a client cannot use "any interface" (0.0.0.0, ::), so it goes to this machine.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

DEFAULT_PORT = 11434
MAX_PORT = 65535
_SCHEME_PORTS = {"http": 80, "https": 443}
_ANY_INTERFACE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (nothing listens here)


@dataclass(frozen=True)
class Address:
    """Where a server is.

    :param path: prefix of all requests, without a slash at the end; empty for most servers
    :param credentials: "user:password" for a proxy in front of the server; never shown
    """

    scheme: str
    host: str
    port: int
    path: str = ""
    credentials: str = ""

    @property
    def url(self) -> str:
        """The address as a user may read it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def loopback(self) -> bool:
        """Whether it is this machine, which is never reached through a proxy."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        ip = _ip(self.host)
        return ip is not None and ip.is_loopback


def parse_address(text: str) -> Address:
    """Read a host setting.

    :raises ValueError: its scheme or port cannot be used; says which and why
    """
    text = text.strip().strip("\"'").strip()
    if text == "ollama.com":  # Ollama's own service, the one name that means https
        text = "https://ollama.com"
    before, separator, rest = text.partition("://")
    scheme, rest = (before.lower(), rest) if separator else ("http", text)
    if scheme not in _SCHEME_PORTS:
        raise ValueError(f"the scheme {shown_address(scheme)!r} is neither http nor https")
    default = _SCHEME_PORTS[scheme] if separator else DEFAULT_PORT
    authority, _, path = rest.partition("/")
    if "@" in path:  # the password would be taken for host, port and path, and be shown
        raise ValueError("an @ stands behind a /; write a / in a password as %2F, and an @ in a path as %40")
    credentials, _, authority = authority.rpartition("@")
    host, port = _split_port(authority)
    path = path.strip("/")
    return Address(
        scheme, _ANY_INTERFACE.get(host, host), _port(port, default), f"/{path}" if path else "", credentials
    )


def shown_address(text: str) -> str:
    """Return a host setting, even one that is no address, without what may be user and password."""
    before, at, host = text.rpartition("@")
    scheme, separator, _ = before.partition("://")
    if not at:
        return text
    return f"{scheme}{separator}…@{host}" if separator and scheme.isalnum() else f"…@{host}"


def _split_port(authority: str) -> tuple[str, str]:
    """Separate host and port; brackets, or the rules of IPv6, say which colon is whose."""
    ip = _ip(authority.strip("[]"))
    if ip is not None:
        return str(ip), ""
    host, _, port = authority.rpartition(":") if ":" in authority else (authority, "", "")
    ip = _ip(host.strip("[]"))
    if ip is not None:
        return str(ip), port
    if any(letter in host for letter in " \t\r\n?#[]@:\\"):
        raise ValueError(f"{host!r} is not a host name")
    return host.lower(), port


def _port(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_PORT):
        raise ValueError(f"the port {text!r} is not a number from 1 to 65535")
    return int(text)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
