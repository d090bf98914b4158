"""Which plugins are installed? Metadata tells; nothing of a plugin is imported."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable
from functools import cache
from typing import Any

from ollm.host import GROUP, PluginRecord

DISTRIBUTION = "ollm-cli"


def discover() -> list[PluginRecord]:
    """Find the plugins of all installed distributions, ollm's own first, then by name."""
    records = [PluginRecord(point, _is_first_party(point)) for point in _entry_points()]
    return sorted(records, key=lambda record: (not record.first_party, record.name, record.entry_point.value))


def _entry_points() -> Iterable[importlib.metadata.EntryPoint]:
    """One distribution whose entry points cannot be read makes the usual way fail for all of them."""
    try:
        return importlib.metadata.entry_points(group=GROUP)
    except Exception:
        return [point for found in importlib.metadata.distributions() for point in _entry_points_of(found)]


def _entry_points_of(found: importlib.metadata.Distribution) -> Iterable[importlib.metadata.EntryPoint]:
    try:
        return found.entry_points.select(group=GROUP)
    except Exception as error:
        return [_Unreadable(found, error)]


class _Unreadable(importlib.metadata.EntryPoint):
    """What stands for the entry points of a distribution whose entry_points.txt cannot be read."""

    def __init__(self, found: importlib.metadata.Distribution, error: Exception) -> None:
        super().__init__(found.name, "", GROUP)
        vars(self).update(dist=found, error=error)

    def load(self) -> Any:
        raise ValueError(f"its entry_points.txt cannot be read: {vars(self)['error']}")


def _is_first_party(point: importlib.metadata.EntryPoint) -> bool:
    """Only our own namespace costs a look into the metadata; a stranger may have squatted there."""
    return point.value.startswith("ollm_plugins.") and point.dist is not None and _name_of(point.dist) == DISTRIBUTION


@cache
def _name_of(found: importlib.metadata.Distribution) -> str:
    """Each look parses the whole metadata, which is the same for all plugins of a distribution."""
    return found.name
