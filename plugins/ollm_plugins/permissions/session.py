"""What holds for this run only: yolo, and the answers "always"?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ollm.api import (
    ContributedTools,
    FrontendContext,
    HostContext,
    Notice,
    OllmError,
    SettingsError,
    StatusContext,
    ToolOffers,
)
from ollm_plugins.permissions.rules import action_of
from ollm_plugins.permissions.settings import Rule, ToolsSettings

YOLO: Final = "yolo"
_BEGUN: Final = Notice(
    "tools-yolo",
    "yolo: every tool runs without a question in this run, but for what a deny rule names; "
    "`/permissions mode ask` ends it.",
)


class Session:
    """What the user has decided for this run.

    :param rules: those that hold for the session, in the order in which they were made
    """

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self.rules: list[Rule] = []
        self.is_yolo = False

    @property
    def mode(self) -> str:
        """The mode in force.

        :raises SettingsError: the settings hold a mistake
        """
        return YOLO if self.is_yolo else self._host.settings.section(ToolsSettings).mode

    @property
    def origin(self) -> str:
        """Where the mode comes from: "default", a file and line, a variable, "this session"."""
        return "this session" if self.is_yolo else self._host.settings.origin("tools.mode")

    def begin_yolo(self) -> None:
        """Let everything run, and say so."""
        self.is_yolo = True
        self._host.notify(_BEGUN)

    def add(self, rule: Rule) -> bool:
        """Take a rule in; False if it is there already."""
        if rule in self.rules:
            return False
        self.rules.append(rule)
        return True


def session_of(host: HostContext) -> Session:
    """Return what holds for this run.

    :raises OllmError: the room's own service could not be made
    """
    found = host.services.find(Session)
    if found is None:
        raise OllmError("The permissions of this run are not there", "Run `ollm plugins doctor`.")
    return found


def begin_yolo(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:  # noqa: ARG001  (a switch)
    """Do what `--yolo` asks for."""
    host = context.app.context
    session_of(host).begin_yolo()
    if context.prompt and (why := _withheld(host)):
        host.notify(Notice("tools-yolo-none", f"No tool that carries a risk is offered, so yolo lets none run: {why}."))
    return context


def _withheld(host: HostContext) -> str:
    """Say why a script is offered no tool that carries a risk; empty when it is, or there is none."""
    offers, contributed = host.services.find(ToolOffers), host.services.find(ContributedTools)
    assert contributed is not None, "the kernel provides it"
    risky = [owned.item.name for owned in contributed.tools() if owned.item.risk != "none"]
    try:
        reasons = {offers.withheld(name, attended=False) for name in risky} if offers else set()
    except SettingsError:  # whoever answers says so
        return ""
    return "" if "" in reasons else "; ".join(sorted(reasons))


def warning(ctx: StatusContext) -> str | None:
    """Say that nothing is asked, while that is so."""
    return "\u26a0 YOLO: tools run unasked" if session_of(ctx.host).is_yolo else None


def status(ctx: StatusContext) -> str | None:
    """Name the mode while it is neither the one that asks about everything nor yolo, of which `warning` speaks."""
    try:
        session = session_of(ctx.host)
        mode = session.mode
    except SettingsError:  # whoever answers says so
        return None
    if mode == YOLO:
        return None
    kinds = [action_of(rule) for rule in session.rules]
    always = f", {kinds.count('allow')} always" if "allow" in kinds else ""
    return f"tools {mode}{always}" if mode != "ask" or always else None


def all_rules(host: HostContext) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """Return the rules of the settings and those of the session.

    :raises SettingsError: the settings hold a mistake
    """
    return host.settings.section(ToolsSettings).rules, tuple(session_of(host).rules)
