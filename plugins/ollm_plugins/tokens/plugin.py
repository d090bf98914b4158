"""What does the room `tokens` hand in? The service that counts tokens, and an observer that it learns from."""

from __future__ import annotations

from ollm.api import HostContext, Service, Specs, TokenCounter, TurnObserver, hookimpl

_HERE = "ollm_plugins.tokens"


class Plugin(Specs):
    """Counts tokens, and learns from each turn."""

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Hand in the counter."""
        return [Service("token-counter", TokenCounter, f"{_HERE}.counter:Counter")]

    @hookimpl
    def ollm_turn_observers(self, ctx: HostContext) -> list[TurnObserver]:
        """Hand in what tells the counter how long each prompt really was."""
        return [TurnObserver("token-learning", on_event=f"{_HERE}.observer:on_event", events=("finished",))]
