"""What does the room `options` hand in?"""

from __future__ import annotations

from ollm.api import (
    Command,
    HostContext,
    ModelOptions,
    Paths,
    RequestAdjuster,
    Service,
    SettingsSection,
    Specs,
    hookimpl,
)

_HERE = "ollm_plugins.options"
_SHOW = ("options", "options llama3.1:8b", "options llama3.1:8b --provider ollama --json")
_SET = ("set", "set temperature", "set temperature 0.2", "set seed 7 --model llama3.1:8b")
_UNSET = ("unset temperature", "unset seed --model llama3.1:8b")


class Plugin(Specs):
    """Options of generation: temperature, limits, seed."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the options for all, for each provider and for each model."""
        return [
            SettingsSection("options", f"{_HERE}.settings:OptionsSettings"),
            SettingsSection("providers.*.options", f"{_HERE}.settings:ProviderOptions"),
            SettingsSection("models.*.options", f"{_HERE}.settings:ModelOptions"),
        ]

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Tell other rooms which options a model gets."""
        return [Service("options", ModelOptions, f"{_HERE}.service:Options")]

    @hookimpl
    def ollm_request_adjusters(self, ctx: HostContext) -> list[RequestAdjuster]:
        """Hand in what puts the options into a request."""
        return [RequestAdjuster("options", f"{_HERE}.adjust:adjust", order=10)]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command]:
        """Hand in the commands; what is set for a session makes sense in the REPL only."""
        return [
            Command("options", "Show which options are sent to a model, and why.", f"{_HERE}.commands:show", (), _SHOW),
            _in_session("set", "Set an option for this session; without a value, show it.", _SET),
            _in_session("unset", "Take back what was set for this session.", _UNSET),
        ]


def _in_session(name: str, summary: str, examples: tuple[str, ...]) -> Command:
    return Command(name, summary, f"{_HERE}.commands_session:{name}_option", (), examples, ("repl",), lenient=True)
