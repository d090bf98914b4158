"""What does the room `plugins` hand in?"""

from __future__ import annotations

from ollm.api import Command, CommandGroup, HostContext, Specs, hookimpl

_WHERE = "ollm_plugins.plugins.commands:"


class Plugin(Specs):
    """`ollm plugins …`; every command is lenient, since settings may be what keeps a plugin from working."""

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        return [
            CommandGroup("plugins", "List, examine, enable and disable plugins."),
            _command("list", "List the plugins.", "plugins list --json"),
            _command("doctor", "Try every plugin, and say what is wrong with it.", "plugins doctor --trace"),
            _command("enable", "Let a plugin be loaded again.", "plugins enable local"),
            _command("disable", "Go on without a plugin.", "plugins disable local"),
        ]


def _command(name: str, summary: str, *examples: str) -> Command:
    function = "list_plugins" if name == "list" else name
    return Command(f"plugins {name}", summary, f"{_WHERE}{function}", examples=examples, lenient=True)
