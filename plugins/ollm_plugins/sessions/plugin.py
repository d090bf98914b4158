"""What does the room `sessions` hand in?"""
# ruff: noqa: ARG005  (what is always the same needs no arguments)

import ollm.api as kinds
from ollm.api import Command, Specs, hookimpl

_AT = "ollm_plugins.sessions"
_COMMANDS = (
    ("list", "List what is kept, the last one first.", "listing:list_all", ("session list", "session list --here")),
    ("show", "Show a session.", "listing:show", ("session show last", "session show 3f2a91 --turns 2 --json")),
    ("resume", "Go on with a session.", "resuming:resume", ("session resume last", "session resume 3f2a91")),
    (
        "search",
        "Search in all that was said.",
        "searching:search",
        ("session search '\"an exact phrase\"'", "session search x*"),
    ),
    ("fork", "Begin another session with the turns of one.", "changing:fork", ("session fork last --at 3",)),
    ("rename", "Give a session another title.", "changing:rename", ("session rename last The parser",)),
    ("export", "Write a session as Markdown, JSON or HTML.", "exporting:export", ("session export last talk.html",)),
    (
        "delete",
        "Delete sessions, after a question.",
        "deleting:delete",
        ("session delete 2", "session delete --older-than 30d"),
    ),
)


class Plugin(Specs):
    """Keeps every conversation as it happens."""

    ollm_settings_sections = hookimpl(
        lambda self, paths: [kinds.SettingsSection("sessions", f"{_AT}.settings:SessionsSettings")]
    )
    ollm_services = hookimpl(
        lambda self, ctx: [kinds.Service("sessions", kinds.ConversationRecords, f"{_AT}.service:Sessions")]
    )
    ollm_value_completers = hookimpl(lambda self, ctx: [kinds.ValueCompleter("session", f"{_AT}.meaning:complete")])

    @hookimpl
    def ollm_turn_observers(self, ctx: kinds.HostContext) -> list[kinds.TurnObserver]:
        """Hand in what hears turns."""
        at = f"{_AT}.observing"
        return [kinds.TurnObserver("sessions", f"{at}:on_event", f"{at}:on_turn", f"{at}:on_rewind")]

    @hookimpl
    def ollm_root_options(self, ctx: kinds.HostContext) -> list[kinds.RootOption]:
        """Hand in the options that go on with a session, or keep none."""
        going_on = f"{_AT}.resuming:prepare"
        return [
            kinds.RootOption("continue", ("--continue", "-c"), "Go on with the last session.", prepare=going_on),
            kinds.RootOption("resume", ("--resume",), "Go on with this session.", "SESSION", prepare=going_on),
            kinds.RootOption("no-save", ("--no-save",), "Keep nothing of this run.", prepare=f"{_AT}.resuming:private"),
        ]

    @hookimpl
    def ollm_commands(self, ctx: kinds.HostContext) -> list[Command | kinds.CommandGroup]:
        """Hand in the commands."""
        group = kinds.CommandGroup("session", "Find, go on with and export earlier conversations.")
        made = [Command(f"session {name}", text, f"{_AT}.{ref}", (), like) for name, text, ref, like in _COMMANDS]
        return [group, *made]
