"""What did the original program write, and what does it mean here?

Its file has version 1: a list of entries under `memories`, with dates as JavaScript writes them and no scopes. Lists
and objects of entries without that frame, and entries without dates, are understood, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec

from ollm.api import MemoryCategory, MemoryEntry, MemorySource
from ollm_plugins.memory.entries import now, stamp

_CATEGORIES = get_args(MemoryCategory)
_SOURCES = get_args(MemorySource)


def entries_of(document: Any) -> list[MemoryEntry]:
    """Return the entries of a file as the original wrote it; all are global, since it knew nothing else.

    :raises ValueError: something in it is no entry
    """
    found = document.get("memories", document) if isinstance(document, Mapping) else document
    if isinstance(found, Mapping):
        return [_entry(key, value) for key, value in found.items() if key != "version"]
    if isinstance(found, list):
        return [_entry(None, each) for each in found]
    raise ValueError("it is neither a list nor an object of memories")


def _entry(key: str | None, given: Any) -> MemoryEntry:
    fields = given if isinstance(given, Mapping) else {"value": given}
    name, value = fields.get("key", key), fields.get("value")
    if not isinstance(name, str) or not name or value is None:
        raise ValueError(f"one of its entries has no {'value' if name else 'key'}")
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    created, updated = _moments(fields)
    count = fields.get("accessCount", 0)
    return MemoryEntry(
        name,
        text,
        next((each for each in _CATEGORIES if each == fields.get("category")), "context"),
        created,
        updated,
        count if type(count) is int and count >= 0 else 0,
        next((each for each in _SOURCES if each == fields.get("source")), "user"),
    )


def _moments(fields: Mapping[str, Any]) -> Iterator[str]:
    for name in ("createdAt", "updatedAt"):
        yield _moment(fields.get(name))


def _moment(given: Any) -> str:
    """Return a date in our form: ISO text, or milliseconds since 1970; one that cannot be read becomes now."""
    try:
        if isinstance(given, str):
            return stamp(datetime.fromisoformat(given))
        return stamp(datetime.fromtimestamp(given / 1000, UTC))
    except (TypeError, ValueError, OverflowError, OSError):
        return now()
