"""What does the command `permissions` show?"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from ollm.api import CommandContext, Json
from ollm_plugins.permissions.rules import action_of, narrowed
from ollm_plugins.permissions.session import YOLO, session_of
from ollm_plugins.permissions.settings import Rule, ToolsSettings

KEY = "tools.rules"
RUNS = {
    "ask": "nothing runs without a question",
    "auto": "reading in the folder you work in runs without a question",
    YOLO: "everything runs without a question",
}
"""The modes, and what each means."""


class Listed(Struct, frozen=True):
    """A rule in force.

    :param number: from 1, for `permissions forget`
    :param origin: file and line, or "this session"
    :param place: the user's file, what `/set` gave to this session, or the answers of this session
    """

    number: int
    rule: Rule
    origin: str
    place: Literal["file", "set", "answers"]

    @property
    def is_saved(self) -> bool:
        """Whether it holds in the next session, too."""
        return self.place == "file"


def listed(ctx: CommandContext) -> list[Listed]:
    """List the rules in force, those of the settings first.

    :raises SettingsError: the settings hold a mistake
    """
    settings = ctx.app.settings
    saved = settings.section(ToolsSettings).rules
    is_in_file = settings.candidates(KEY)[-1].layer == "user"
    found = []
    for at, rule in enumerate(saved):
        path = ("tools", "rules", str(at), action_of(rule))
        origin = settings.file.where(path) if is_in_file else settings.origin(KEY)
        found.append(Listed(at + 1, rule, origin, "file" if is_in_file else "set"))
    answered = session_of(ctx.app.context).rules
    return found + [Listed(at, rule, "this session", "answers") for at, rule in enumerate(answered, len(saved) + 1)]


def show(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Show the mode, the rules in force with where they come from, and the answers that hold for this session."""
    session, rules = session_of(ctx.app.context), listed(ctx)
    if as_json:
        found = [described(each) for each in rules]
        ctx.out.document({"mode": session.mode, "origin": session.origin, "rules": found})
        return
    ctx.out.print(f"Mode {session.mode} ({session.origin}): {RUNS[session.mode]}, unless a rule says otherwise")
    if not rules:
        ctx.out.print("There are no rules; `permissions allow`, `ask` and `deny` make some")
        return
    rows = [(each.number, action_of(each.rule), _tools(each.rule), _scope(each.rule), each.origin) for each in rules]
    ctx.out.table(("", "rule", "tools", "only", "from"), rows)


def described(each: Listed) -> dict[str, Any]:
    """Return a rule for a JSON document."""
    kind, text = narrowed(each.rule)
    words = {"number": each.number, "action": action_of(each.rule), "tools": _tools(each.rule)}
    return {**words, **({kind: text} if kind else {}), "origin": each.origin, "saved": each.is_saved}


def _tools(rule: Rule) -> str:
    return str(getattr(rule, action_of(rule)))


def _scope(rule: Rule) -> str:
    return " ".join(narrowed(rule)).strip()
