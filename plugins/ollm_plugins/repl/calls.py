"""How is a tool call told in one line?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ollm.api import ToolCall, ToolDecided, ToolReturned

_LONG = 60
"""Characters of an argument that are shown beside others."""


def call_text(call: ToolCall) -> str:
    """Return a call as its name and its arguments, the first one bare: "read_file src/a.py offset=10"."""
    return " ".join((call.name, *_arguments(call.arguments))) if isinstance(call.arguments, Mapping) else call.name


def _arguments(arguments: Mapping[str, Any]) -> list[str]:
    words = []
    for at, (name, value) in enumerate(arguments.items()):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        shown = " ".join(text.split())
        if at == 0 and isinstance(value, str):
            words.append(shown)
        else:
            words.append(f"{name}={shown[: _LONG - 1]}\u2026" if len(shown) > _LONG else f"{name}={shown}")
    return words


def result_text(event: ToolReturned) -> str:
    """Return what a tool has returned: the text if it is one line, else how much it is."""
    lines = event.content.strip().splitlines()
    if event.failed:
        return f"failed: {lines[0]}" if lines else "failed"
    if not lines:
        return "nothing"
    return lines[0] if len(lines) == 1 else f"{len(lines):,} lines"


def decision_text(event: ToolDecided) -> str:
    """Return what allowed a call, if it was neither the user nor nothing to decide."""
    if not event.allowed or event.by in ("", "user", "ollm"):
        return ""
    return f" ({event.by}: {event.reason})" if event.reason else f" ({event.by})"


def refusal_text(event: ToolDecided) -> str:
    """Return who refused a call, and why."""
    by = f" by {event.by}" if event.by not in ("", "user", "ollm") else ""
    reason = " ".join(event.reason.split())
    return f"refused{by}: {reason}" if reason else f"refused{by}"
