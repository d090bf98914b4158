"""How is a change taken back?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Final, Literal

from msgspec import Struct

from ollm.api import MemoryEntry, MemorySource, replace
from ollm_plugins.memory.entries import Place, place_of

MOST: Final = 20
"""Changes that can be taken back, at most."""

MOST_ENTRIES: Final = 20_000
"""Entries that they hold together, at most; the last change is always kept, whatever its size."""

Kind = Literal["add", "edit", "forget", "clear", "import"]


class Change(Struct, frozen=True):
    """What was changed, and what it replaced.

    :param at: ISO 8601 time
    :param before: the entries as they were
    :param added: places in which nothing was before
    """

    at: str
    kind: Kind
    source: MemorySource
    before: tuple[MemoryEntry, ...] = ()
    added: tuple[Place, ...] = ()

    def places(self) -> tuple[Place, ...]:
        """Return where something has changed."""
        return (*map(place_of, self.before), *self.added)

    def without(self, places: Collection[Place]) -> Change:
        """Return the part of it that has to do with other places."""
        before = tuple(each for each in self.before if place_of(each) not in places)
        return replace(self, before=before, added=tuple(each for each in self.added if each not in places))


def put(
    entries: MutableMapping[Place, MemoryEntry], new: Iterable[MemoryEntry], kind: Kind, source: MemorySource
) -> Change:
    """Put entries in their places, and return the change."""
    before, added = [], []
    for entry in new:
        place = place_of(entry)
        former = entries.get(place)
        if former is None:
            added.append(place)
        else:
            before.append(former)
        entries[place] = entry
    return Change(_moment(), kind, source, tuple(before), tuple(added))


def remove(
    entries: MutableMapping[Place, MemoryEntry], places: Iterable[Place], kind: Kind, source: MemorySource
) -> Change:
    """Remove what is in places, and return the change."""
    gone = tuple([entries.pop(place) for place in places])
    return Change(_moment(), kind, source, gone)


def take_back(entries: MutableMapping[Place, MemoryEntry], change: Change) -> None:
    """Put all places as they were before a change."""
    for place in change.added:
        entries.pop(place, None)
    for entry in change.before:
        entries[place_of(entry)] = entry


def kept(changes: list[Change]) -> tuple[Change, ...]:
    """Return the changes that are kept: the last ones, as long as they are not too large together."""
    found: list[Change] = []
    room = MOST_ENTRIES
    for change in reversed(changes[-MOST:]):
        room -= len(change.before) + len(change.added)
        if found and room < 0:
            break
        found.insert(0, change)
    return tuple(found)


def _moment() -> str:
    """Return the time, finely enough that two changes in one millisecond keep their order."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
