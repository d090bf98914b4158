"""Who provides this Protocol?

Rooms use each other without importing each other: one registers an object under a Protocol of `ollm.api`,
another asks for whatever fulfils it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ollm.hub import label

if TYPE_CHECKING:
    from ollm.contexts import HostContext
    from ollm.contributions import Service
    from ollm.hub import Hub, Owned

T = TypeVar("T")


class Services:
    """Makes each service once, when it is first asked for.

    :param own: what the kernel provides itself, by its Protocol; no plugin can take its place
    """

    def __init__(self, hub: Hub, own: Mapping[type[Any], Callable[[], Any]] | None = None) -> None:
        self._hub = hub
        self._own = own or {}
        self._context: HostContext | None = None
        self._made: dict[type[Any], Any] = {}
        self._owners: list[tuple[Owned[Service], Any]] = []

    def open(self, context: HostContext) -> None:
        """Give the context that services are made with."""
        self._context = context

    def find(self, protocol: type[T]) -> T | None:
        """Return the service that fulfils a Protocol, or None when no plugin provides it."""
        if protocol in self._own:
            return self._own[protocol]()  # type: ignore[no-any-return]  # the table is the contract
        if protocol not in self._made:
            self._made[protocol] = self._make(protocol)
        made: T | None = self._made[protocol]
        return made

    def chosen(self, protocol: type[Any]) -> Owned[Service] | None:
        """Return the first that is offered; a second is blamed, since one of the two would be ignored in silence."""
        fitting = [owned for owned in self._hub.services() if self._offers(owned, protocol)]
        for other in fitting[1:]:
            cause = f"{protocol.__name__} is already provided by plugin '{fitting[0].record.name}', which is used"
            remedy = f"`ollm plugins disable` one of the two: {fitting[0].record.name} or {other.record.name}."
            self._hub.host.blame(other.record, label(other.item), cause, remedy)
        return fitting[0] if fitting else None

    async def aclose(self) -> None:
        """Close every service that was made and can be closed, the last one first."""
        made, self._made = self._made, {}
        for owned, service in reversed(self._owners):
            close = getattr(service, "aclose", None)
            if service in made.values() and close is not None:
                from ollm.awaiting import closed

                await closed(self._hub, owned, close)
        self._owners.clear()

    def _make(self, protocol: type[Any]) -> Any:
        chosen = self.chosen(protocol)
        if chosen is None:
            return None
        service = self._hub.use(chosen, "create", self._context)
        if service is not None:
            self._owners.append((chosen, service))
        return service

    def _offers(self, owned: Owned[Service], protocol: type[Any]) -> bool:
        """Whether a service is for a Protocol, which it may name by any module that has it, such as `ollm.api`."""
        named = owned.item.protocol
        if not isinstance(named, str):
            return named is protocol
        module, _, name = named.partition(":")
        if name != protocol.__qualname__:
            return False
        return module == protocol.__module__ or self._hub.load(owned, "protocol") is protocol
