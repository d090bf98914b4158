"""What does the room `routing` hand in?"""

from __future__ import annotations

import ollm.api as kinds
from ollm.api import HostContext, Paths, Specs, hookimpl

_HERE = "ollm_plugins.routing"
_SHOW = ("route", "route --json")
_EXPLAIN = ("route explain --profile code", "route explain --needs tools,vision --prompt-tokens 60000 --json")
_USE = ("route use code", "route use auto", "route use --none")


class Plugin(Specs):
    """Chooses the model that suits a turn, and explains why."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[kinds.SettingsSection]:
        """Hand in `model.routing`, and the profiles that the user writes."""
        return [
            kinds.SettingsSection("model.routing", f"{_HERE}.settings:RoutingSettings"),
            kinds.SettingsSection("model.routing.profiles.*", f"{_HERE}.settings:ProfileSettings"),
        ]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[kinds.Service]:
        """Offer to choose who answers, to say what a prompt is about, and what models take of memory."""
        return [
            kinds.Service("routing", kinds.ModelChooser, f"{_HERE}.chooser:create"),
            kinds.Service("classifier", kinds.PromptClassifier, f"{_HERE}.belonging:Belonging"),
            kinds.Service("memory-needs", kinds.ModelMemory, f"{_HERE}.needs_memory:create"),
        ]

    @hookimpl
    def ollm_turn_observers(self, ctx: HostContext) -> list[kinds.TurnObserver]:
        """Hand in what measures how fast models are."""
        return [kinds.TurnObserver("rates", on_event=f"{_HERE}.observer:on_event", events=("finished",))]

    @hookimpl
    def ollm_value_completers(self, ctx: HostContext) -> list[kinds.ValueCompleter]:
        """Hand in what knows the names of profiles."""
        return [kinds.ValueCompleter("routing-profile", f"{_HERE}.completing:routing_profiles")]

    @hookimpl
    def ollm_status_items(self, ctx: HostContext) -> list[kinds.StatusItem]:
        """Hand in the profile in force, for the status bar."""
        return [kinds.StatusItem("route", f"{_HERE}.status:render", order=15)]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[kinds.Command | kinds.CommandGroup]:
        """Hand in the commands."""
        return [
            kinds.CommandGroup("route", "Choose models by profiles, and see why."),
            kinds.Command(
                "route", "Say whether routing is on, and who would answer.", f"{_HERE}.commands:show", (), _SHOW
            ),
            kinds.Command(
                "route list", "List the profiles.", f"{_HERE}.commands:list_profiles", (), ("route list --json",)
            ),
            kinds.Command("route use", "Choose a profile.", f"{_HERE}.commands:use", (), _USE),
            kinds.Command("route explain", "Explain a choice.", f"{_HERE}.commands_explain:explain", (), _EXPLAIN),
        ]
