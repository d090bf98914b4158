"""What does the room `routing` hand in?"""

from __future__ import annotations

from ollm.api import (
    Command,
    CommandGroup,
    HostContext,
    ModelChooser,
    ModelMemory,
    Paths,
    PromptClassifier,
    Service,
    SettingsSection,
    Specs,
    StatusItem,
    TurnObserver,
    hookimpl,
)

_HERE = "ollm_plugins.routing"
_SHOW = ("route", "route --json")
_EXPLAIN = ("route explain --profile code", "route explain --needs tools,vision --prompt-tokens 60000 --json")
_USE = ("route use code", "route use auto", "route use --none")


class Plugin(Specs):
    """Chooses the model that suits a turn, and explains why."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in `model.routing`, and the profiles that the user writes."""
        return [
            SettingsSection("model.routing", f"{_HERE}.settings:RoutingSettings"),
            SettingsSection("model.routing.profiles.*", f"{_HERE}.settings:ProfileSettings"),
        ]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Offer to choose who answers, to say what a prompt is about, and what models take of memory."""
        return [
            Service("routing", ModelChooser, f"{_HERE}.chooser:create"),
            Service("classifier", PromptClassifier, f"{_HERE}.classify:create"),
            Service("memory-needs", ModelMemory, f"{_HERE}.needs_memory:create"),
        ]

    @hookimpl
    def ollm_turn_observers(self, ctx: HostContext) -> list[TurnObserver]:
        """Hand in what measures how fast models are."""
        return [TurnObserver("rates", on_event=f"{_HERE}.observer:on_event")]

    @hookimpl
    def ollm_status_items(self, ctx: HostContext) -> list[StatusItem]:
        """Hand in the profile in force, for the status bar."""
        return [StatusItem("route", f"{_HERE}.status:render", order=15)]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        return [
            CommandGroup("route", "Choose models by profiles, and see why."),
            Command("route", "Say whether routing is on, and who would answer.", f"{_HERE}.commands:show", (), _SHOW),
            Command("route list", "List the profiles.", f"{_HERE}.commands:list_profiles", (), ("route list --json",)),
            Command("route use", "Choose a profile.", f"{_HERE}.commands:use", (), _USE),
            Command("route explain", "Explain a choice.", f"{_HERE}.commands_explain:explain", (), _EXPLAIN),
        ]
