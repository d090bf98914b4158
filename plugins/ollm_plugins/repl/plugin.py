"""What does the room `repl` hand in?"""

from __future__ import annotations

from ollm.api import Command, Frontend, HostContext, Specs, hookimpl

_HERE = "ollm_plugins.repl"


class Plugin(Specs):
    """`ollm` alone on a terminal."""

    @hookimpl
    def ollm_frontends(self, ctx: HostContext) -> list[Frontend]:
        """Hand in the front end that owns the terminal."""
        return [Frontend("repl", "interactive", f"{_HERE}.loop:run")]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command]:
        """Hand in the commands that make sense only in the REPL."""
        return [
            Command(
                "help",
                "List the commands, or explain one.",
                f"{_HERE}.commands:show_help",
                examples=("help", "help new"),
                surfaces=("repl",),
                lenient=True,
            ),
            Command(
                "new",
                "Begin a new conversation; the model forgets this one.",
                f"{_HERE}.commands:begin_anew",
                surfaces=("repl",),
                lenient=True,
            ),
            Command(
                "cd",
                "Work in another folder; without one, say in which.",
                f"{_HERE}.commands:change_folder",
                examples=("cd", "cd ../other", "cd ~"),
                surfaces=("repl",),
                lenient=True,
            ),
            Command(
                "exit",
                "Leave.",
                f"{_HERE}.commands:leave",
                aliases=("quit",),
                surfaces=("repl",),
                lenient=True,
            ),
        ]
