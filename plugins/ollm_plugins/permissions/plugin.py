"""What does the room `permissions` hand in?"""
# ruff: noqa: ARG005  (what is always the same needs no arguments)

from __future__ import annotations

from ollm.api import (
    Command,
    CommandGroup,
    HostContext,
    RequestAdjuster,
    RootOption,
    Service,
    SettingsSection,
    Specs,
    StatusItem,
    ValueCompleter,
    hookimpl,
)

_AT = "ollm_plugins.permissions"
_APPROVER = "ollm.approval:ToolApprover"  # by reference: its module imports asyncio, which a start can do without
_YOLO = "Run every tool without a question in this run, but for what a deny rule names."
_COMMANDS = (
    ("mode", "Choose what runs without a question.", ("permissions mode auto --save", "permissions mode ask --save")),
    ("allow", "Let calls run without a question.", ('permissions allow shell --command "git status" --save',)),
    ("ask", "Have calls asked about, whatever else holds.", ('permissions ask write_file --path "docs/**" --save',)),
    ("deny", "Forbid calls.", ('permissions deny "*" --path "**/secrets/**" --save',)),
    ("forget", "Remove a rule, or an answer that holds for the session.", ("permissions forget 1 --save",)),
)


class Plugin(Specs):
    """Decides which tool calls run, and asks the user about the others."""

    ollm_settings_sections = hookimpl(lambda self, paths: [SettingsSection("tools", f"{_AT}.settings:ToolsSettings")])
    ollm_request_adjusters = hookimpl(lambda self, ctx: [RequestAdjuster("permissions", f"{_AT}.offered:adjust")])

    @hookimpl
    def ollm_services(self, ctx: HostContext) -> list[Service]:
        """Offer to decide on tool calls; what holds for this run is shared with the commands."""
        run = f"{_AT}.session:Session"
        return [Service("permissions", _APPROVER, f"{_AT}.approver:Approver"), Service("permissions-run", run, run)]

    @hookimpl
    def ollm_root_options(self, ctx: HostContext) -> list[RootOption]:
        """Hand in `--yolo`."""
        return [RootOption("yolo", ("--yolo",), _YOLO, prepare=f"{_AT}.session:begin_yolo")]

    @hookimpl
    def ollm_status_items(self, ctx: HostContext) -> list[StatusItem]:
        """Hand in the mode, for the status bar."""
        yolo = StatusItem("yolo", f"{_AT}.session:warning", order=-1)  # the first, so that no terminal is too narrow
        return [yolo, StatusItem("permissions", f"{_AT}.session:status", order=1)]

    @hookimpl
    def ollm_value_completers(self, ctx: HostContext) -> list[ValueCompleter]:
        """Know the modes, and the numbers of the rules."""
        names = {"tools-mode": "modes", "permission-rule": "numbers"}
        return [ValueCompleter(name, f"{_AT}.completing:{how}") for name, how in names.items()]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in the commands."""
        text = "Show which tools run without a question, and change it."
        shown = Command("permissions", text, f"{_AT}.commands:show", (), ("permissions", "permissions --json"))
        made = [Command(f"permissions {name}", told, f"{_AT}.changing:{name}", (), e) for name, told, e in _COMMANDS]
        return [CommandGroup("permissions", text), shown, *made]
