"""What does the room `keepalive` hand in?"""

from __future__ import annotations

from ollm.api import (
    BackgroundTask,
    Command,
    HostContext,
    Paths,
    RequestAdjuster,
    Service,
    SettingsSection,
    Specs,
    StatusItem,
    TurnObserver,
    hookimpl,
)

_HERE = "ollm_plugins.keepalive"
_KEEP = ("model keep llama3.1:8b", "model keep llama3.1:8b --for 10m", "model keep llama3.1:8b --for forever")
_UNLOAD = ("model unload llama3.1:8b", "model unload --all --json")


class Plugin(Specs):
    """Keeps models in memory that are used often, and lets go of idle ones."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the section `model.keepAlive`."""
        return [SettingsSection("model.keepAlive", f"{_HERE}.settings:KeepAliveSettings")]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Hand in what the parts of this room share."""
        return [Service("keeper", f"{_HERE}.keeper:Keeper", f"{_HERE}.keeper:Keeper")]

    @hookimpl
    def ollm_request_adjusters(self, ctx: HostContext) -> list[RequestAdjuster]:
        """Hand in what says with each request how long its model stays; last, since it must know the context."""
        return [RequestAdjuster("keep-alive", f"{_HERE}.turns:adjust", order=1010)]

    @hookimpl
    def ollm_turn_observers(self, ctx: HostContext) -> list[TurnObserver]:
        """Hand in what notes when each model was used last."""
        return [TurnObserver("last-use", on_turn=f"{_HERE}.turns:note")]

    @hookimpl
    def ollm_background_tasks(self, ctx: HostContext) -> list[BackgroundTask]:
        """Hand in what keeps models in memory."""
        return [BackgroundTask("keep-alive", f"{_HERE}.upkeep:run")]

    @hookimpl
    def ollm_status_items(self, ctx: HostContext) -> list[StatusItem]:
        """Hand in the loaded models, for the status bar."""
        return [StatusItem("loaded-models", f"{_HERE}.status:render", order=20)]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command]:
        """Hand in the commands; the group is described by the room that lists models."""
        return [
            Command("model keep", "Keep a model in memory.", f"{_HERE}.commands:keep", (), _KEEP),
            Command("model unload", "Take models out of memory.", f"{_HERE}.commands:unload", (), _UNLOAD),
        ]
