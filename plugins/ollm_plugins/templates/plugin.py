"""What does the room `templates` hand in?"""
# ruff: noqa: ARG005  (what is always the same needs no arguments)

from __future__ import annotations

import ollm.api as kinds
from ollm.api import Command, Specs, hookimpl

_AT = "ollm_plugins.templates"
_COMMANDS = (
    ("list", "List all templates.", "commands:list_all", ("template list", "template list --json")),
    ("show", "Show a template.", "commands:show", ("template show review",)),
    ("use", "Fill a template and have it answered.", "using:use", ("template use explain text=@main.py --dry-run",)),
    ("create", "Write a new template in your editor.", "editing:create", ("template create standup",)),
    ("edit", "Change a template in your editor.", "editing:edit", ("template edit review",)),
    ("delete", "Delete a template, after a question.", "editing:delete", ("template delete standup --yes",)),
    ("import", "Take in templates of Fabric or llm.", "importing:take_in", ("template import fabric/patterns",)),
    ("check", "Say what is wrong with templates.", "commands:check", ("template check", "template check my.yaml")),
)


class Plugin(Specs):
    """Keeps prompts with variables."""

    ollm_services = hookimpl(
        lambda self, ctx: [kinds.Service("templates", kinds.PromptTemplates, f"{_AT}.library:Library")]
    )
    ollm_value_completers = hookimpl(
        lambda self, ctx: [
            kinds.ValueCompleter("template", f"{_AT}.completing:templates"),
            kinds.ValueCompleter("template-variable", f"{_AT}.completing:variables"),
        ]
    )

    @hookimpl
    def ollm_root_options(self, ctx: kinds.HostContext) -> list[kinds.RootOption]:
        """Hand in the options for a single prompt."""
        name, var = "Make the prompt of this template.", "A value for a variable of it; may be given several times."
        return [
            kinds.RootOption("template", ("--template", "-t"), name, "<name>", prepare=f"{_AT}.using:prepare"),
            kinds.RootOption("var", ("--var",), var, "<name=value>", many=True, prepare=f"{_AT}.using:prepare_alone"),
        ]

    @hookimpl
    def ollm_commands(self, ctx: kinds.HostContext) -> list[Command | kinds.CommandGroup]:
        """Hand in the commands."""
        group = kinds.CommandGroup("template", "Keep prompts with variables.")
        made = [Command(f"template {name}", text, f"{_AT}.{ref}", (), like) for name, text, ref, like in _COMMANDS]
        return [group, *made]
