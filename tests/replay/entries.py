"""What does a server say of a model, and how does it write names and durations?"""

from __future__ import annotations

import copy
import re
from typing import Any

from tests.replay.recordings import load

Entry = dict[str, Any]
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def entry(name: str, like: str = "smollm2:135m", **changes: Any) -> Entry:
    """Return an entry of /api/tags: the recorded one of `like` under another name, with changes.

    Changes to `details` are added to the recorded ones: `entry("big:1b", details={"context_length": 131072})`.
    """
    recorded = next(item for item in load("tags_some").objects[0]["models"] if item["name"] == like)
    details = {**recorded["details"], **changes.pop("details", {})}
    return copy.deepcopy({**recorded, "name": full(name), "model": full(name), **changes, "details": details})


def full(name: str) -> str:
    """Return a model's name with its tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def key(name: str) -> str:
    """Return a model's name as the state keeps it: in full, in lower case."""
    return full(name).lower()


def duration(text: str) -> float | None:
    """Read a duration of Go, such as "1h30m"; None if it is none."""
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?(ms|[smh]))+", text):
        return None
    parts = re.findall(r"([\d.]+)(ms|[smh])", text)
    return (-1 if text.startswith("-") else 1) * sum(float(number) * _UNITS[unit] for number, unit in parts)
