"""What can be remembered, and in which form?"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final, get_args

from ollm.api import MemoryCategory, MemoryEntry, UsageError, nearest, visible

LONGEST_KEY: Final = 120
"""Characters: a key is a name, shown on one line."""

LONGEST_VALUE: Final = 20_000
"""Characters: about 5,000 tokens, more than any budget that leaves room for a conversation."""

CATEGORIES: Final[tuple[MemoryCategory, ...]] = get_args(MemoryCategory)
SCOPES: Final = ("global", "project", "session")
"""The widest first: where two hold the same key, the narrower one wins."""


def now() -> str:
    """Return the time in the form of an entry, which is also JavaScript's."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """Return a moment in the form of an entry; one without a zone is taken for UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clean_key(key: str) -> str:
    """Return a key in its one form: composed (NFC), without space around it.

    :raises UsageError: it is empty, too long, or not one line of text that can be seen
    """
    found = unicodedata.normalize("NFC", key).strip()
    if not found:
        raise UsageError("A memory needs a key that is not empty", 'For example: `ollm memory add editor "uses vim"`.')
    if len(found) > LONGEST_KEY:
        raise UsageError(
            f"The key has {len(found)} characters; {LONGEST_KEY} are allowed", "Put the rest in the value."
        )
    if "\n" in found or "\t" in found or visible(found) != found:
        raise UsageError(f"The key '{_on_one_line(found)}' has characters that are not for reading", "Take them out.")
    return found


def _on_one_line(text: str) -> str:
    return visible(text.replace("\n", "\u240a").replace("\t", "\u2409"))


def clean_value(value: str) -> str:
    """Return a value without space around it, in composed form (NFC).

    :raises UsageError: it is empty, too long or not Unicode text
    """
    found = unicodedata.normalize("NFC", value).strip()
    if not found:
        raise UsageError("A memory needs a value that is not empty", "`ollm memory forget KEY` removes one.")
    if len(found) > LONGEST_VALUE:
        problem = f"The value has {len(found)} characters; {LONGEST_VALUE} are allowed"
        raise UsageError(problem, "Remember what matters of it.")
    if any("\ud800" <= character <= "\udfff" for character in found):
        raise UsageError("The value is not Unicode text", "Check the encoding of what was typed.")
    return found


def category_named(name: str) -> MemoryCategory:
    """Return a category by its name.

    :raises UsageError: there is none of that name
    """
    for each in CATEGORIES:
        if each == name:
            return each
    problem = f"There is no category '{visible(name)}'{nearest(name, CATEGORIES)}"
    raise UsageError(problem, f"Take one of {', '.join(CATEGORIES)}.")


def scope_named(name: str) -> str:
    """Return a scope by its name.

    :raises UsageError: there is none of that name
    """
    if name in SCOPES:
        return name
    raise UsageError(f"There is no scope '{visible(name)}'{nearest(name, SCOPES)}", f"Take one of {', '.join(SCOPES)}.")


Place = tuple[str, str, str]
"""What tells entries apart: scope, project, key."""


def place_of(entry: MemoryEntry) -> Place:
    """Return where an entry stands."""
    return entry.scope, entry.project, entry.key
