"""How is a tool call told in one line?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ollm.api import ToolCalled, ToolDecided
from ollm_plugins.repl.wrapping import fitted, one_line

if TYPE_CHECKING:
    from ollm.api import ToolCall, ToolReturned

_LONG = 60
"""Characters of an argument that are shown beside others."""


class Calls:
    """The tool calls of a turn."""

    def __init__(self) -> None:
        self._decided: dict[str, ToolDecided] = {}
        self._under_way: dict[str, str] = {}

    def clear(self) -> None:
        """Begin another turn."""
        self._decided.clear()
        self._under_way.clear()

    @property
    def under_way(self) -> str:
        """The call that was made last of those that are not over; empty when all are."""
        return next(reversed(self._under_way.values()), "")

    def told(self, event: ToolCalled | ToolDecided | ToolReturned, *, short: bool) -> tuple[str, str] | None:
        """Take in what happens; return a call and what has become of it, once that is known.

        :param short: name the tool alone when it returns
        """
        call = event.call
        if isinstance(event, ToolCalled):
            self._under_way[call.id] = call_text(call)
            return None
        if isinstance(event, ToolDecided):
            self._decided[call.id] = event
            return None if event.allowed else (call_text(call), f" \u2192 {refusal_text(event)}")
        self._under_way.pop(call.id, None)
        decided = self._decided.get(call.id)
        if decided is not None and not decided.allowed:
            return None  # what the model is told has just been said
        by = decision_text(decided) if decided is not None else ""
        shown = call.name if short else call_text(decided.call if decided else call)
        return shown, f" \u2192 {result_text(event)}{by}"


def call_line(sign: str, call: str, result: str, room: int) -> str:
    """Return a call with its result in so many columns: it is cut rather than the result, which says more."""
    left = room - len(sign) - 1
    kept = fitted(one_line(call), max(left - len(one_line(result)) - 1, left // 2))
    return fitted(one_line(f"{sign} {kept}{result}"), room)


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
