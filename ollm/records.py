"""What can one room ask another about conversations that are kept?

A Protocol that a plugin registers as a service and any other finds with `ctx.services.find(ConversationRecords)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from ollm.contexts import ServiceFinder
from ollm.messages import ToolRecord


class AuditedCall(Struct, frozen=True):
    """A tool call of a conversation that is kept.

    :param conversation: identifies the conversation
    :param turn: identifies the turn
    :param at: ISO 8601 time in UTC at which the turn ended
    :param model: who made the call, as "provider/model"
    :param project: the folder in which the conversation was held
    """

    conversation: str
    turn: str
    at: str
    model: str
    project: str
    call: ToolRecord


class ConversationRecords(Protocol):
    """Keeps conversations. One that the user does not want kept is never found here."""

    @property
    def keeps(self) -> bool:
        """Whether the user wants kept what is said now; see `may_keep`."""
        ...

    def tool_calls(self, *, conversation: str = "", tool: str = "", limit: int = 100) -> Sequence[AuditedCall]:
        """Return tool calls, the latest first.

        :param conversation: only of this one; empty for all
        :param tool: only of this tool; empty for all
        :raises OllmError: the records cannot be read
        """
        ...

    def note(self, conversation: str, name: str, document: Any) -> None:
        """Keep something with a conversation, in the place of what was kept under that name; None removes it.

        :param name: of what is kept, by convention the plugin's name
        :param document: what JSON can hold
        """
        ...

    def noted(self, conversation: str, name: str) -> Any:
        """Return what was kept under a name; None if nothing was."""
        ...


def may_keep(services: ServiceFinder) -> bool:
    """Whether a plugin may write to its own files what is said now, e.g. the lines that are typed.

    It may not where the user wants nothing of this run kept.
    """
    records = services.find(ConversationRecords)
    return records is None or records.keeps
