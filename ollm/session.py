"""What is a conversation?

Turns that build on each other, with whoever answers decided anew when the settings that decide it change.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import uuid4

from ollm.contexts import HostContext, TurnContext
from ollm.messages import Event, Message
from ollm.sections import ModelSettings
from ollm.turn import Turn

if TYPE_CHECKING:
    from ollm.contributions import TurnRecord
    from ollm.hub import Hub
    from ollm.selection import Answerer, Providers


class Conversation:
    """Turns that build on each other."""

    def __init__(self, hub: Hub, host: HostContext, providers: Providers) -> None:
        self._hub = hub
        self._host = host
        self._providers = providers
        self._answerer: Answerer | None = None
        self._wanted: tuple[ModelSettings, int] | None = None
        self.messages: list[Message] = []
        self.last_turn: TurnRecord | None = None

    def clear(self) -> None:
        """Begin anew."""
        self.messages.clear()
        self.last_turn = None

    async def answerer(self) -> Answerer:
        """Return who answers; decided anew when the settings that decide it have changed."""
        settings = self._host.settings.section(ModelSettings)
        wanted = (settings, self._providers.generation)
        if self._answerer is None or self._wanted != wanted:
            self._answerer = await self._providers.select()
            self._wanted = (settings, self._providers.generation)
        return self._answerer

    async def ask(self, prompt: str, images: tuple[bytes, ...] = ()) -> AsyncGenerator[Event, None]:
        """Hold one turn.

        The last event is `Finished`. Closing the iterator, or cancelling its task, interrupts the turn: what
        came is kept in the conversation.

        :raises OllmError: nobody can answer, or the answer failed
        """
        answerer = await self.answerer()
        message = Message("user", prompt, images)
        turn = Turn(self._hub, answerer, self._context(answerer, prompt), message, self._take)
        async with aclosing(turn.run()) as events:
            async for event in events:
                yield event

    def _take(self, turn: TurnRecord) -> None:
        """Remember a turn, unless nothing came of its prompt."""
        self.last_turn = turn
        if len(turn.messages) > 1:
            self.messages.extend(turn.messages)

    def _context(self, answerer: Answerer, prompt: str) -> TurnContext:
        """Return what plugins get to see of a turn."""
        name = answerer.entry.item.name
        return TurnContext(self._host, uuid4().hex, name, answerer.model, prompt, tuple(self.messages))
