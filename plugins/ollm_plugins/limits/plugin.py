"""What does the room `limits` hand in?"""

from __future__ import annotations

from ollm.api import (
    FITTING,
    Command,
    ContextWindows,
    HostContext,
    ModelKnowledge,
    Paths,
    RequestAdjuster,
    Service,
    SettingsSection,
    Specs,
    hookimpl,
)

_AT = "ollm_plugins.limits.commands"
_SHOW = ("limits llama3.1:8b", "limits qwen3 gemma3:1b --json", "limits llama3.1:8b --live")
_CHECK = ("limits check", "limits check --provider ollama --json")


class Plugin(Specs):
    """Knows what each model can do, and holds requests to it."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in what the user knows better: `models.NAME.limits`."""
        return [SettingsSection("models.*.limits", "ollm_plugins.limits.settings:LimitsSettings")]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Offer what is known of models, and which context they get, to other rooms."""
        return [
            Service("limits", ModelKnowledge, "ollm_plugins.limits.knowledge:create"),
            Service("context-windows", ContextWindows, "ollm_plugins.limits.windows:create"),
        ]

    @hookimpl
    def ollm_request_adjusters(self, ctx: HostContext) -> list[RequestAdjuster]:
        """Hand in what holds requests to the limits: the last of what they consist of, and how they fit."""
        at = "ollm_plugins.limits.enforce"
        return [
            RequestAdjuster("abilities", f"{at}:suit", order=FITTING - 1),
            RequestAdjuster("limits", f"{at}:adjust", order=FITTING + 100),
        ]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command]:
        """Hand in the commands."""
        return [
            Command("limits", "Tell what models can do, and how that is known.", f"{_AT}:show", (), _SHOW),
            Command("limits check", "Compare the database with the servers' models.", f"{_AT}_check:check", (), _CHECK),
        ]
