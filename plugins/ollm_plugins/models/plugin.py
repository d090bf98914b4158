"""What does the room `models` hand in?"""

from __future__ import annotations

from ollm.api import Command, CommandGroup, HostContext, Specs, hookimpl

_WHERE = "ollm_plugins.models.commands:"


class Plugin(Specs):
    """`ollm model …`."""

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        return [
            CommandGroup("model", "See which models there are."),
            Command(
                "model list",
                "List the models, and what is known of each.",
                f"{_WHERE}list_models",
                aliases=("models",),
                examples=("model list", "model list --provider ollama", "model list --json"),
            ),
        ]
