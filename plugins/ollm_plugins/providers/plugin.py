"""What does the room `providers` hand in?"""

from __future__ import annotations

from ollm.api import Command, CommandGroup, HostContext, Specs, ValueCompleter, hookimpl

_WHERE = "ollm_plugins.providers.commands:"


class Plugin(Specs):
    """`ollm provider …`."""

    @hookimpl
    def ollm_value_completers(self, ctx: HostContext) -> list[ValueCompleter]:
        """Hand in what completes their names."""
        return [ValueCompleter("provider", "ollm_plugins.providers.completing:providers")]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        return [
            CommandGroup("provider", "List, choose and check providers of models."),
            Command(
                "provider list",
                "List the providers, and whether each can be reached.",
                f"{_WHERE}list_providers",
                examples=("provider list", "provider list --json"),
            ),
            Command(
                "provider use",
                "Choose the provider that is asked.",
                f"{_WHERE}use",
                examples=("provider use ollama", "provider use --none"),
            ),
            Command(
                "provider check",
                "Reach a provider; say where it is and what it has.",
                f"{_WHERE}check",
                examples=("provider check", "provider check ollama --json"),
            ),
        ]
