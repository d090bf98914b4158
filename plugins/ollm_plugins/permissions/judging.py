"""Does a call run, is it refused, or is the user asked?

Deny beats everything, and where one may be meant, the user is asked. Then yolo runs all that is left. Then ask beats
allow, and what a tool warns of is asked about unless a rule names just that; then the mode decides.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from ollm.api import Tool, ToolPreview
from ollm_plugins.permissions.rules import (
    Action,
    Subject,
    action_of,
    may_speak_of,
    names_exactly,
    speaks_of,
    subject_of,
    told,
)
from ollm_plugins.permissions.settings import Rule


class Situation(Struct, frozen=True):
    """What holds when a call is judged.

    :param folder: in which the user works
    :param home: the user's own folder
    """

    mode: str
    rules: tuple[Rule, ...]
    folder: Path
    home: Path


class Verdict(Struct, frozen=True):
    """What is to happen with a call.

    :param why: of "ask": what the user should know; else what decided
    :param by: "rule" or "mode"
    """

    action: Action
    why: str = ""
    by: str = "rule"


def judged(situation: Situation, tool: Tool, preview: ToolPreview | None) -> Verdict:
    """Judge a call."""
    subject = subject_of(preview)
    speaking = [each for each in situation.rules if speaks_of(each, tool.name, subject, situation.folder)]
    denying = _first(speaking, "deny")
    if denying is not None:
        return Verdict("deny", told(denying))
    unsure = [each for each in situation.rules if may_speak_of(each, tool.name, subject, situation.folder)]
    perhaps = _first(unsure, "deny")
    if perhaps is None and situation.mode == "yolo":
        return Verdict("allow", "yolo", "mode")
    asking = _first(speaking, "ask")
    if asking is not None:
        return Verdict("ask", f"the rule `{told(asking)}` asks")
    perhaps = perhaps or _first(unsure, "ask")
    if perhaps is not None:
        return Verdict("ask", f"it may concern what the rule `{told(perhaps)}` names")
    return _unforbidden(situation, tool, preview, subject, [each for each in speaking if action_of(each) == "allow"])


def _unforbidden(
    situation: Situation, tool: Tool, preview: ToolPreview | None, subject: Subject, allowing: list[Rule]
) -> Verdict:
    """Judge a call that no rule speaks against."""
    careful = preview.careful if preview is not None else ""
    if careful:
        allowing = [each for each in allowing if names_exactly(each, subject, situation.folder)]
    if allowing:
        return Verdict("allow", told(allowing[0]))
    if not careful and situation.mode == "auto" and tool.risk == "read" and _is_in_workspace(situation, subject):
        return Verdict("allow", "auto", "mode")
    return Verdict("ask", careful)


def _is_in_workspace(situation: Situation, subject: Subject) -> bool:
    """Whether a call is about a path in the folder in which the user works.

    A folder that holds the user's own, such as the root, is no workspace.
    """
    from ollm_plugins.permissions.globs import is_below

    if subject.kind != "path":
        return False
    home = Path(os.path.realpath(situation.home))
    holds_home = Path(os.path.realpath(situation.folder)) in home.parents
    return not holds_home and is_below(subject.text, situation.folder)


def _first(rules: Iterable[Rule], action: Action) -> Rule | None:
    return next((each for each in rules if action_of(each) == action), None)
