"""What of a row can be understood?

A file that lives for years is written by many versions, mended after a damage, and edited by hand. What cannot be
understood is left out and counted, so that the rest stays of use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from ollm.api import Message, Overrides, ToolRecord, Usage
from ollm_plugins.sessions.kept import message_of

SPOKEN: Final = ("user", "assistant", "tool")
"""Roles that a conversation has; a stored message of another one, as `system`, is nothing that ollm has written."""
LATEST: Final = 253_402_300_799.0
"""Seconds from 1970 to the end of the year 9999, the last that a date can name."""
_DETAILS: Final[Mapping[str, Any]] = {
    "usage": Usage,
    "options": dict[str, Any],
    "overrides": Overrides,
    "notices": list[str],
    "events": list[dict[str, Any]],
}
_RECORD: Final = msgspec.json.Decoder(ToolRecord)


def message(role: Any, content: Any, rest: Any) -> Message | None:
    """Return a message as it was; None for what was none."""
    if role not in SPOKEN or not isinstance(content, str):
        return None
    try:
        return message_of(role, content, rest)
    except (msgspec.DecodeError, TypeError, ValueError):
        return None


def messages(rows: Sequence[Sequence[Any]]) -> tuple[Message, ...]:
    """Return the messages among rows of role, content and the rest."""
    return tuple(each for each in (message(*row) for row in rows) if each is not None)


def record(kept: Any) -> ToolRecord | None:
    """Return what is kept of a tool call; None for what was none."""
    try:
        return _RECORD.decode(kept)
    except (msgspec.DecodeError, TypeError, ValueError):
        return None


def details(kept: Any) -> tuple[dict[str, Any], int]:
    """Return the details of a turn, and how many of them cannot be understood."""
    if not kept:
        return {}, 0
    try:
        found = msgspec.json.decode(kept, type=dict[str, Any])
    except (msgspec.DecodeError, TypeError, ValueError):
        return {}, 1
    sound = {name: value for name, value in found.items() if _fits(name, value)}
    return sound, len(found) - len(sound)


def _fits(name: str, value: Any) -> bool:
    try:
        msgspec.convert(value, _DETAILS.get(name, Any))
    except msgspec.ValidationError:
        return False
    return True


def text(value: Any) -> str:
    """Return what stands in a column of text, whatever its type is."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def number(value: Any) -> float | None:
    """Return what stands in a column of numbers; None for what is none."""
    return value if isinstance(value, int | float) else None


def moment(value: Any) -> float:
    """Return what stands in a column of times, in seconds since 1970; 0 for what is none."""
    return value if isinstance(value, int | float) and 0 <= value <= LATEST else 0.0
