"""What holds for this run only: yolo, and the answers "always"?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ollm.api import FrontendContext, HostContext, Notice, OllmError, SettingsError, StatusContext
from ollm_plugins.permissions.rules import action_of
from ollm_plugins.permissions.settings import Rule, ToolsSettings

YOLO: Final = "yolo"
_BEGUN: Final = Notice(
    "tools-yolo",
    "yolo: every tool runs without a question in this run, but for what a deny rule names; "
    "`/permissions mode ask` ends it.",
)
_NONE_OFFERED: Final = Notice(
    "tools-yolo-none",
    "A script is offered tools that carry a risk only with --tools all; without it, yolo lets none run.",
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
    if context.prompt and _offers_nothing_risky(host):
        host.notify(_NONE_OFFERED)
    return context


def _offers_nothing_risky(host: HostContext) -> bool:
    """Whether a script is offered only tools without a risk, as by default, so that yolo alone lets nothing run."""
    try:
        return bool(host.settings.get("tools.calls.offer") == "auto")
    except SettingsError:  # nobody chooses what is offered, or whoever answers says what is wrong
        return False


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
