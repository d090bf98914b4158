"""What does the room `repl` hand in?"""

from __future__ import annotations

from ollm.api import Command, Frontend, HostContext, Paths, SettingsSection, Specs, StatusItem, ValueCompleter, hookimpl

_HERE = "ollm_plugins.repl"
_COMMANDS = (
    (
        "help",
        "Tell what there is, or explain a command.",
        "commands:show_help",
        ("help", "help keys", "help session", "help copy"),
    ),
    ("new", "Begin a new conversation; the model forgets this one.", "commands:begin_anew", ()),
    (
        "cd",
        "Work in another folder; without one, say in which.",
        "commands:change_folder",
        ("cd", "cd ../other", "cd ~"),
    ),
    ("edit", "Write the next prompt in your editor.", "turning:edit", ("edit", "edit Dear model,")),
    ("retry", "Have the last prompt answered again.", "turning:retry", ("retry", "retry with llama3.1:8b")),
    ("undo", "Take back the last prompt and its answer.", "turning:undo", ()),
    ("system", "Set what the model is told first.", "turning:system", ("system Be brief.", "system --clear")),
    ("tool", "Show a tool's result whole.", "review:show_tool", ("tool", "tool 1")),
    ("thinking", "Show what the model thought before its last answer.", "review:show_thinking", ()),
    ("stats", "Show tokens and seconds of the last turn.", "review:show_stats", ("stats", "stats --json")),
    ("theme", "Choose the colours of answers for this session.", "review:choose_theme", ("theme", "theme light")),
    ("copy", "Copy the last answer, or code in it.", "taking:copy", ("copy", "copy code", "copy code 2")),
    ("save", "Save the last answer, or code in it.", "taking:save", ("save answer.md", "save f.py --code 1")),
)


class Plugin(Specs):
    """`ollm` alone on a terminal."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in what can be set about the terminal."""
        return [SettingsSection("repl", f"{_HERE}.settings:ReplSettings")]

    @hookimpl
    def ollm_frontends(self, ctx: HostContext) -> list[Frontend]:
        """Hand in the front end that owns the terminal."""
        return [Frontend("repl", "interactive", f"{_HERE}.loop:run")]

    @hookimpl
    def ollm_status_items(self, ctx: HostContext) -> list[StatusItem]:
        """Hand in who answers, for the status bar."""
        return [StatusItem("model", f"{_HERE}.status:render", order=0)]

    @hookimpl
    def ollm_value_completers(self, ctx: HostContext) -> list[ValueCompleter]:
        """Hand in what knows the names of themes."""
        return [ValueCompleter("theme", f"{_HERE}.review:themes")]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command]:
        """Hand in the commands that make sense only in the REPL."""
        made = [
            Command(name, text, f"{_HERE}.{run}", (), examples, ("repl",), lenient=True)
            for name, text, run, examples in _COMMANDS
        ]
        leave = Command("exit", "Leave.", f"{_HERE}.commands:leave", ("quit",), (), ("repl",), lenient=True)
        return [*made, leave]
