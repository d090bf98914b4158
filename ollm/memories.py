"""What can one room ask another about what is remembered across sessions?

A Protocol that a plugin registers as a service and any other finds with `ctx.services.find(MemoryService)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from ollm.contexts import TurnContext

MemoryCategory = Literal["fact", "preference", "context"]
MemorySource = Literal["user", "llm", "system"]


class MemoryEntry(Struct, frozen=True, rename="camel"):
    """Something that is remembered.

    :param key: unique within its scope
    :param created_at: ISO 8601 time in UTC, with milliseconds
    :param updated_at: the same; when key, value or category changed last, not when somebody read it
    :param access_count: how often it was recalled
    :param source: who had it remembered
    :param scope: where it holds: everywhere ("global"), in one folder or repository, or in this run ("session")
    :param project: the real path of the folder or repository that it belongs to; empty in the other scopes
    """

    key: str
    value: str
    category: MemoryCategory
    created_at: str
    updated_at: str
    access_count: int = 0
    source: MemorySource = "user"
    scope: str = "global"
    project: str = ""


class MemoryService(Protocol):
    """Remembers. What holds is read anew whenever another process has changed it."""

    def remember(
        self,
        key: str,
        value: str,
        *,
        category: MemoryCategory | None = None,
        scope: str = "global",
        source: MemorySource = "user",
    ) -> MemoryEntry:
        """Add an entry, or change the one that has this key in this scope.

        :param category: None keeps that of the entry that is changed; a new one becomes a fact
        :raises UsageError: key, value or scope cannot be
        :raises OllmError: it could not be written; what was remembered is unchanged
        """
        ...

    def recall(self, key: str) -> MemoryEntry | None:
        """Return the entry that holds here under a key, and count that it was used."""
        ...

    def search(self, query: str) -> Sequence[MemoryEntry]:
        """List the entries that hold here and fit a query, the best first; slips of spelling are tolerated."""
        ...

    def forget(self, key: str, *, scope: str | None = None) -> MemoryEntry | None:
        """Remove an entry and return it; None when there is none.

        :param scope: None: the narrowest in which the key is known here
        :raises OllmError: it could not be written; what was remembered is unchanged
        """
        ...

    def list_all(self) -> Sequence[MemoryEntry]:
        """List the entries that hold here, in the order in which they were added."""
        ...

    async def system_prompt_addition(self, turn: TurnContext) -> str:
        """Return what a turn's system prompt gets; empty when there is nothing to say."""
        ...
