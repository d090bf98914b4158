"""What is the user asked about a tool call?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from glob import escape
from pathlib import Path
from typing import Any

from ollm.api import ApprovalRequest, Choice, Question
from ollm_plugins.permissions.rules import mistake, narrowed, speaks_of, subject_of
from ollm_plugins.permissions.settings import Rule


def question(request: ApprovalRequest, why: str, rule: Rule | None) -> Question:
    """Make the question: what exactly would happen, and what can be answered.

    :param why: what the user should know; empty when there is nothing
    :param rule: what "always" would mean; None offers no such answer
    """
    preview = request.preview
    title = f"The model wants to use {request.tool.name} ({request.tool.risk}){f'; careful: {why}' if why else ''}"
    title = " ".join(title.split())
    choices = [Choice("y", "yes")]
    if rule is not None:
        choices.append(Choice("a", f"always in this session: {_scope(rule)}"))
    edited = _edited(request)
    if edited is not None:
        choices.append(Choice("e", "edit", edits=edited))
    choices.append(Choice("n", "no", text="Why not? (the model is told; Enter for no reason)"))
    if preview is None or not preview.text:
        arguments = json.dumps(dict(request.call.arguments), indent=2, ensure_ascii=False, default=str)
        return Question(title, tuple(choices), arguments)
    return Question(title, tuple(choices), preview.text, preview.form)


def always(request: ApprovalRequest, folder: Path) -> Rule | None:
    """Return the rule that "always" would make; None where it would not cover this very call.

    What a preview says it covers is taken by the letter: a folder whose name is a wildcard stands for itself.
    """
    preview, tool = request.preview, request.tool.name
    if preview is None or not (preview.always or preview.subject):
        return Rule(allow=tool)
    subject = subject_of(preview)
    if subject.kind == "command":
        rule = Rule(allow=tool, command=preview.always, exactly="" if preview.always else preview.subject)
    elif subject.kind == "host":
        rule = Rule(allow=tool, host=escape(preview.always))
    elif preview.always:
        rule = Rule(allow=tool, path=escape(str(folder / preview.always)))
    else:
        return Rule(allow=tool)
    text = narrowed(rule)[1]
    is_clear = bool(text) and text.isprintable()  # else a folder's name could write answers of its own
    return rule if is_clear and not mistake(rule) and speaks_of(rule, tool, subject, folder) else None


def with_edit(request: ApprovalRequest, text: str) -> Mapping[str, Any]:
    """Return the arguments with the one that the user has changed."""
    name = request.preview.edits if request.preview is not None else ""
    return {**request.call.arguments, name: text} if name else request.call.arguments


def _edited(request: ApprovalRequest) -> str | None:
    """Return what the user may change; None when there is nothing, or it is no text."""
    if request.preview is None or not request.preview.edits:
        return None
    value = request.call.arguments.get(request.preview.edits)
    return value if isinstance(value, str) else None


def _scope(rule: Rule) -> str:
    """Say what a rule covers."""
    kind, text = narrowed(rule)
    words = {
        "": f"whatever {rule.allow} does",
        "command": f"{rule.allow} with commands that begin with `{text}`",
        "exactly": f"{rule.allow} with this very command",
        "host": f"{rule.allow} from {text}",
        "path": f"{rule.allow} in {text}",
    }
    return words[kind]
