"""What does the room `config` hand in?"""

from __future__ import annotations

from ollm.api import Command, CommandGroup, HostContext, Specs, ValueCompleter, hookimpl

_WHERE = "ollm_plugins.config.commands:"


class Plugin(Specs):
    """`ollm config …`; every command is lenient, since it helps to mend a broken file."""

    @hookimpl
    def ollm_value_completers(self, ctx: HostContext) -> list[ValueCompleter]:
        """Hand in what completes their names and values."""
        return [
            ValueCompleter("setting", "ollm_plugins.config.completing:settings"),
            ValueCompleter("setting-value", "ollm_plugins.config.completing:values"),
        ]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        return [
            CommandGroup("config", "Show and change the settings."),
            _command("show", "List the settings and their values.", "config show --origin", "config show options"),
            _command("get", "Print the value of one setting.", "config get model.default"),
            _command(
                "set",
                "Set one setting in your file.",
                "config set model.default llama3.1:8b",
                "config set options.temperature 0.2",
                "config set options.stop '[END, STOP]'",
            ),
            _command("unset", "Remove one setting from your file.", "config unset options.temperature"),
            _command("path", "Print where your file is.", "config path", "config path --json"),
            _command("validate", "Look for mistakes in all settings.", "config validate --json"),
            _command("schema", "Print the JSON Schema of the file.", "config schema"),
        ]


def _command(name: str, summary: str, *examples: str) -> Command:
    function = f"{_WHERE}{name}_setting" if name in ("get", "set", "unset") else f"{_WHERE}{name}"
    return Command(f"config {name}", summary, function, examples=examples, lenient=True)
