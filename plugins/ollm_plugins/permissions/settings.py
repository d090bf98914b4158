"""What can be set about permissions?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting, SettingsValue


class Rule(SettingsValue, frozen=True):
    """What is to happen with some tool calls: one of allow, ask and deny names the tools, the rest narrows it.

    :param allow: glob over the names of tools, e.g. "read_*"
    :param path: glob over real paths; one that names a folder covers what is in it
    :param command: the first words of a command
    :param host: glob over host names
    :param exactly: a command as it stands, whatever it consists of; to allow it
    """

    allow: str = ""
    ask: str = ""
    deny: str = ""
    path: str = ""
    command: str = ""
    host: str = ""
    exactly: str = ""


def _mistake(rules: tuple[Rule, ...]) -> str:
    from ollm_plugins.permissions.rules import mistake

    found = ((number, mistake(rule)) for number, rule in enumerate(rules, 1))
    return next((f"rule {number}: {wrong}" for number, wrong in found if wrong), "")


class ToolsSettings(Struct, frozen=True):
    """Which tool calls run without a question."""

    mode: Annotated[
        str,
        Setting(
            "What runs without a question: ask (nothing), or auto (reading in the folder you work in).",
            env=("OLLM_TOOLS_MODE",),
            project=False,
            pattern="^(ask|auto)$",
            form="ask or auto; yolo is never taken from a file or a variable, only for one run: `ollm --yolo`, or "
            "`/permissions mode yolo`",
        ),
    ] = "ask"
    rules: Annotated[
        tuple[Rule, ...],
        Setting(
            "What is to happen with some calls: {allow, ask or deny: TOOL}, narrowed by path, command, host or exactly.",
            project=False,
            check=_mistake,
        ),
    ] = ()
