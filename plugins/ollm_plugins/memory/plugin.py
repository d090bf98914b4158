"""What does the room `memory` hand in?"""
# ruff: noqa: ARG005  (what is always the same needs no arguments)

import ollm.api as kinds
from ollm.api import Command, Specs, hookimpl

_AT = "ollm_plugins.memory"
_COMMANDS = (
    ("list", "List what is remembered here.", "commands:list_all", ("memory list --category preference --json",)),
    ("search", "Search in keys and values.", "commands:search", ("memory search editor",)),
    ("recall", "Show one memory.", "commands:recall", ("memory recall editor",)),
    ("why", "Say what went into the prompt, and what did not.", "why:why", ("memory why", "memory why some prompt")),
    ("add", "Remember something.", "changing:add", ('memory add editor "uses vim" --category preference',)),
    ("edit", "Change a memory.", "changing:edit", ('memory edit editor "uses emacs"', "memory edit editor -c fact")),
    ("forget", "Remove a memory.", "changing:forget", ("memory forget editor",)),
    ("clear", "Remove all memories, after a question.", "changing:clear", ("memory clear --scope project --yes",)),
    ("undo", "Take the last change back.", "changing:undo", ("memory undo",)),
    ("export", "Write memories to a file, or print them.", "moving:export", ("memory export notes.json",)),
    ("import", "Take memories in from a file.", "moving:take_in", ("memory import notes.json --replace",)),
)


class Plugin(Specs):
    """Remembers facts, preferences and context across sessions."""

    ollm_settings_sections = hookimpl(
        lambda self, paths: [kinds.SettingsSection("memory", f"{_AT}.settings:MemorySettings")]
    )
    ollm_services = hookimpl(
        lambda self, ctx: [kinds.Service("memory", kinds.MemoryService, f"{_AT}.service:Memories")]
    )
    ollm_prompt_parts = hookimpl(lambda self, ctx: [kinds.PromptPart("memory", f"{_AT}.turns:render", order=40)])
    ollm_request_adjusters = hookimpl(
        lambda self, ctx: [kinds.RequestAdjuster("memory", f"{_AT}.turns:adjust", order=10)]
    )

    ollm_value_completers = hookimpl(lambda self, ctx: [kinds.ValueCompleter("memory", f"{_AT}.completing:keys")])

    @hookimpl
    def ollm_tools(self, ctx: kinds.HostContext) -> list[kinds.Tool]:
        """Hand in the tools."""
        return [
            kinds.Tool("remember", _NOTE, _REMEMBER, f"{_AT}.tools:remember", "write", f"{_AT}.tools:preview"),
            kinds.Tool("recall", "Search the notes of earlier times.", _RECALL, f"{_AT}.tools:recall", "read"),
        ]

    @hookimpl
    def ollm_commands(self, ctx: kinds.HostContext) -> list[Command | kinds.CommandGroup]:
        """Hand in the commands."""
        group = kinds.CommandGroup("memory", "Manage what is remembered across sessions.")
        made = [Command(f"memory {name}", text, f"{_AT}.{ref}", (), like) for name, text, ref, like in _COMMANDS]
        return [group, *made]


_NOTE = """Keep, change or remove a note for later conversations. Use it only when the user asks for it, or states
something lasting about themselves or the project. Never keep secrets."""
_PARTS = {
    "key": {"type": "string", "description": "A short name, such as 'editor'"},
    "value": {"type": "string", "description": "What to keep, in one sentence"},
    "forget": {"type": "boolean", "description": "Remove the note instead"},
    "category": {"enum": ["fact", "preference", "context"]},
    "scope": {"enum": ["project", "global", "session"], "description": "Where it holds"},
}
_REMEMBER = {"type": "object", "properties": _PARTS, "required": ["key"]}
_RECALL = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
