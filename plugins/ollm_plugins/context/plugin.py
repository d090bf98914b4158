"""What does the room `context` hand in?"""

from __future__ import annotations

from ollm.api import (
    FITTING,
    Command,
    CommandGroup,
    HostContext,
    Paths,
    RequestAdjuster,
    Service,
    SettingsSection,
    Specs,
    StatusItem,
    StreamAdjuster,
    TurnObserver,
    hookimpl,
)

_AT = "ollm_plugins.context"
_COMMANDS = (
    ("context", "Show what the last request took of the context.", "show", ("context", "context --json")),
    ("context size", "Set the context size for this session.", "size", ("context size 8192", "context size auto")),
    ("context compact", "Summarize the oldest turns now.", "compact", ("context compact", "context compact --keep 2")),
    ("context undo", "Bring back what was summarized or left out last.", "undo", ("context undo",)),
)


class Plugin(Specs):
    """Honest context."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the policy."""
        return [SettingsSection("context", f"{_AT}.settings:ContextSettings")]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Hand in what is known of each conversation, for this room's own parts."""
        return [Service("context-views", f"{_AT}.views:Views", f"{_AT}.views:Views")]

    @hookimpl
    def ollm_request_adjusters(self, ctx: HostContext) -> list[RequestAdjuster]:
        """Hand in what makes a request fit; after all that adds to it, before its limits are set."""
        return [RequestAdjuster("context", f"{_AT}.adjust:adjust", order=FITTING)]

    @hookimpl
    def ollm_stream_adjusters(self, ctx: HostContext) -> list[StreamAdjuster]:
        """Hand in what acts when the provider counts more than was estimated; before others have rewritten the request."""
        return [StreamAdjuster("context", f"{_AT}.adjust:stream", order=10)]

    @hookimpl
    def ollm_turn_observers(self, ctx: HostContext) -> list[TurnObserver]:
        """Hand in what compares what was read with what was sent."""
        at = f"{_AT}.observe"
        events = ("finished", "notice")
        return [TurnObserver("context", f"{at}:on_event", f"{at}:on_turn", f"{at}:on_rewind", events)]

    @hookimpl
    def ollm_status_items(self, ctx: HostContext) -> list[StatusItem]:
        """Hand in how full the context is."""
        return [StatusItem("context", f"{_AT}.observe:render", order=18)]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands, which are about the conversation under way."""
        at = f"{_AT}.commands"
        return [Command(name, text, f"{at}:{run}", (), shown, ("repl",)) for name, text, run, shown in _COMMANDS]
