"""Who provides this Protocol?

Rooms use each other without importing each other: one registers an object under a Protocol of `ollm.api`,
another asks for whatever fulfils it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ollm.contexts import HostContext
    from ollm.hub import Hub

T = TypeVar("T")


class Services:
    """Makes each service once, when it is first asked for."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._context: HostContext | None = None
        self._made: dict[type[Any], Any] = {}

    def open(self, context: HostContext) -> None:
        """Give the context that services are made with."""
        self._context = context

    def find(self, protocol: type[T]) -> T | None:
        """Return the service that fulfils a Protocol, or None when no plugin provides it."""
        if protocol not in self._made:
            self._made[protocol] = self._make(protocol)
        made: T | None = self._made[protocol]
        return made

    def _make(self, protocol: type[Any]) -> Any:
        for owned in self._hub.services():
            if owned.item.protocol is protocol:
                return self._hub.use(owned, "create", self._context)
        return None
