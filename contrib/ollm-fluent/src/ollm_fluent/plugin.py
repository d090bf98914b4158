"""What does ollm-fluent hand in?"""

from __future__ import annotations

from ollm.api import HostContext, RoutingProfile, Specs, TurnObserver, TurnRecord, hookimpl


class Plugin(Specs):
    """Prefers the model that has already answered in this repository's language."""

    requires_api = 1

    @hookimpl
    def ollm_routing_profiles(self, ctx: HostContext) -> list[RoutingProfile]:
        """Hand in the profile `fluent`."""
        told = "Who has answered in this repository's language before"
        return [RoutingProfile("fluent", told, fallback_profile="code", rank="ollm_fluent.rank:rank")]

    @hookimpl
    def ollm_turn_observers(self, ctx: HostContext) -> list[TurnObserver]:
        """Hand in what counts the languages of answers."""

        def note(turn: TurnRecord) -> None:
            from ollm_fluent.counts import count

            count(ctx, turn)

        return [TurnObserver("fluent", on_turn=note)]
