"""What does the room `tools` hand in?"""
# ruff: noqa: ARG005  (what is always the same needs no arguments)

import ollm.api as kinds
from ollm.api import Command, Specs, hookimpl

_AT = "ollm_plugins.tools"
_COMMANDS = (
    ("list", "List the tools, and which the model is offered.", "commands:list_all", ("tools list --json",)),
    ("show", "Show what a model is told of a tool.", "commands:show", ("tools show read_file",)),
    ("audit", "List the calls of tools.", "audit:audit", ("tools audit", "tools audit --tool read_file -n 5 --json")),
)


class Plugin(Specs):
    """Decides which tools models are offered, and what their results may cost."""

    ollm_settings_sections = hookimpl(
        lambda self, paths: [
            kinds.SettingsSection("tools.calls", f"{_AT}.settings:CallsSettings"),
            kinds.SettingsSection("tools.results", f"{_AT}.settings:ResultSettings"),
        ]
    )
    ollm_services = hookimpl(
        lambda self, ctx: [
            kinds.Service("tools", f"{_AT}.offering:Offering", f"{_AT}.offering:Offering"),
            kinds.Service("tool-offers", kinds.ToolOffers, f"{_AT}.offering:shared"),
            kinds.Service("tool-fallback", kinds.ToolFallback, f"{_AT}.offering:shared"),
            kinds.Service("tool-results", f"{_AT}.results:Trimming", f"{_AT}.results:Trimming"),
        ]
    )
    ollm_request_adjusters = hookimpl(
        lambda self, ctx: [kinds.RequestAdjuster("tools", f"{_AT}.offering:adjust", order=5)]
    )
    ollm_stream_adjusters = hookimpl(lambda self, ctx: [kinds.StreamAdjuster("tools", f"{_AT}.stream:through")])
    ollm_result_adjusters = hookimpl(
        lambda self, ctx: [kinds.ResultAdjuster("tools", f"{_AT}.results:adjust", order=1000)]
    )
    ollm_background_tasks = hookimpl(lambda self, ctx: [kinds.BackgroundTask("tools", f"{_AT}.offering:begin")])
    ollm_value_completers = hookimpl(lambda self, ctx: [kinds.ValueCompleter("tool", f"{_AT}.commands:complete")])

    @hookimpl
    def ollm_commands(self, ctx: kinds.HostContext) -> list[Command | kinds.CommandGroup]:
        """Hand in the commands."""
        group = kinds.CommandGroup("tools", "See which tools models are offered, and what they did.")
        made = [Command(f"tools {name}", text, f"{_AT}.{ref}", (), like) for name, text, ref, like in _COMMANDS]
        return [group, *made]
