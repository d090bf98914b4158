"""What is a conversation?

Turns that build on each other, with whoever answers decided anew when the settings that decide it change.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING
from uuid import uuid4

from ollm.contexts import HostContext, RewindContext, TurnContext
from ollm.contributions import TurnRecord
from ollm.errors import OllmError
from ollm.knowledge import ChoiceRequest, ModelChooser, ToolOffers
from ollm.messages import AS_SET, ChatRequest, Event, Message, Notice, Overrides, Usage, replace
from ollm.sections import ModelSettings
from ollm.selection import Answerer
from ollm.turn import Turn

if TYPE_CHECKING:
    from ollm.hub import Hub
    from ollm.selection import Providers


class Conversation:
    """Turns that build on each other.

    :param aside: it is not kept, and the model gets no tools
    """

    def __init__(self, hub: Hub, host: HostContext, providers: Providers, *, aside: bool = False) -> None:
        self._hub = hub
        self._host = host
        self._providers = providers
        self._aside = aside
        self._answerer: Answerer | None = None
        self._wanted: tuple[ModelSettings, int] | None = None
        self._choice: Answerer | None = None
        self._asked: tuple[object, ...] | None = None
        self._taken: TurnRecord | None = None
        self.id = uuid4().hex
        self.messages: list[Message] = []
        self.last_turn: TurnRecord | None = None

    def clear(self) -> None:
        """Begin anew, as another conversation."""
        self.restore(uuid4().hex, ())

    def restore(self, identity: str, messages: Sequence[Message]) -> None:
        """Go on with a conversation that was kept."""
        self.id = identity
        self.messages[:] = messages
        self.last_turn = None

    def take_back(self) -> Message | None:
        """Take back the last prompt and all that came of it.

        :return: the prompt; None when there is none
        """
        last = next((at for at in reversed(range(len(self.messages))) if self.messages[at].role == "user"), None)
        if last is None:
            return None
        prompt = self.messages[last]
        self._taken = self._held(prompt, last)
        del self.messages[last:]
        self.last_turn = None
        self._tell("on_rewind", RewindContext(self._host, self.id, last))
        return prompt

    def put_back(self) -> bool:
        """Bring back what was taken back last, as when nothing came of what was to take its place.

        :return: whether there was something, and nothing has come in its place
        """
        taken, self._taken = self._taken, None
        place = taken.context if taken is not None else None
        if taken is None or place is None or (place.conversation, place.messages) != (self.id, tuple(self.messages)):
            return False
        self.adopt(taken)
        return True

    def _held(self, prompt: Message, at: int) -> TurnRecord:
        """Return the turn that begins at a message: the last one as it was held, an earlier one as far as is known."""
        said, earlier = tuple(self.messages[at:]), tuple(self.messages[:at])
        known = self.last_turn
        if known is not None and known.context is not None and known.messages == said:
            return replace(known, context=replace(known.context, conversation=self.id, messages=earlier))
        context = TurnContext(self._host, uuid4().hex, "", "", prompt.content, earlier, self.id, self._aside)
        return TurnRecord(context.id, "", "", said, "stop", Usage(), (), 0.0, None, context)

    def adopt(self, turn: TurnRecord) -> None:
        """Go on as if a turn, held elsewhere, had been held here; those who keep conversations are told."""
        if turn.context is not None:
            earlier = tuple(self.messages)
            turn = replace(
                turn, context=replace(turn.context, conversation=self.id, messages=earlier, aside=self._aside)
            )
        self._take(turn)
        self._tell("on_turn", turn)

    def _tell(self, attribute: str, said: object) -> None:
        for owned in self._hub.turn_observers():
            if getattr(owned.item, attribute) is not None:
                self._hub.tell(owned, attribute, said)

    async def answerer(
        self, prompt: str = "", images: tuple[bytes, ...] = (), overrides: Overrides = AS_SET
    ) -> Answerer:
        """Return who answers a prompt; decided anew when the prompt or the settings that decide it have changed.

        :raises OllmError: nobody can answer
        """
        if overrides.model is not None or overrides.provider is not None:
            return await self._providers.select(overrides.model, overrides.provider)
        wanted = (self._host.settings.section(ModelSettings), self._providers.generation)
        asked = (*wanted, prompt, bool(images), len(self.messages), overrides.routing_profile)
        if self._asked != asked:
            self._choice = await self._choose(prompt, images, overrides.routing_profile)
            self._asked = asked
        if self._choice is not None:
            return self._choice
        if self._answerer is None or self._wanted != wanted:
            self._answerer = await self._providers.select()
            self._wanted = wanted
        return self._answerer

    async def _choose(self, prompt: str, images: tuple[bytes, ...], profile: str | None) -> Answerer | None:
        """Let a plugin choose, unless the user has named a model for this run.

        :raises OllmError: it finds nobody, or the provider that it chose does not exist
        """
        chooser = self._host.services.find(ModelChooser)
        if chooser is None or self._host.settings.candidates("model.default")[-1].is_of_this_run:
            return None
        try:
            request = ChoiceRequest(prompt, bool(images), tuple(self.messages), self._has_tools(), profile)
            choice = await chooser.choose(request)
        except OllmError:
            raise
        except Exception as error:
            text = f"Choosing a model failed ({type(error).__name__}: {error}), so it is left to the settings."
            self._host.notify(Notice("choice-failed", text))
            return None
        if choice is None:
            return None
        for notice in choice.notices:
            self._host.notify(notice)
        entry = self._providers.entry(choice.provider)
        return Answerer(entry, self._providers.make(entry), choice.model)

    def _has_tools(self) -> bool:
        """Whether a tool would be offered to a model that can call it."""
        offers = self._host.services.find(ToolOffers)
        names = [] if self._aside else [owned.item.name for owned in self._hub.tools()]
        return any(offers is None or not offers.withheld(name, attended=None) for name in names)

    async def ask(
        self, prompt: str, images: tuple[bytes, ...] = (), overrides: Overrides = AS_SET
    ) -> AsyncGenerator[Event, None]:
        """Hold one turn.

        The last event is `Finished`. Closing the iterator, or cancelling its task, interrupts the turn: what
        came is kept in the conversation.

        :raises OllmError: nobody can answer, or the answer failed
        """
        answerer = await self.answerer(prompt, images, overrides)
        message = Message("user", prompt, images)
        turn = Turn(self._hub, answerer, self._context(answerer, prompt, overrides), message, self._take)
        async with aclosing(turn.run()) as events:
            async for event in events:
                yield event

    async def draft(self) -> tuple[TurnContext, ChatRequest]:
        """Return what the next prompt would bring along, whatever it is, before it is made to fit.

        Nothing is sent, and nothing said of what is left out: that is for the turn itself.

        :raises OllmError: nobody can answer
        """
        answerer = await self.answerer()
        context = self._context(answerer, "", AS_SET)
        quiet = replace(context, host=replace(self._host, notify=lambda _: None))
        turn = Turn(self._hub, answerer, quiet, Message("user", ""), self._take)
        return context, await turn.draft()

    def _take(self, turn: TurnRecord) -> None:
        """Remember a turn, unless nothing came of its prompt."""
        self.last_turn = turn
        if len(turn.messages) > 1:
            self.messages.extend(turn.messages)

    def _context(self, answerer: Answerer, prompt: str, overrides: Overrides) -> TurnContext:
        """Return what plugins get to see of a turn."""
        return TurnContext(
            host=self._host,
            id=uuid4().hex,
            provider=answerer.entry.item.name,
            model=answerer.model,
            prompt=prompt,
            messages=tuple(self.messages),
            conversation=self.id,
            aside=self._aside,
            overrides=overrides,
        )
