"""What happens in one turn?

Prompt parts → model → stream → tool calls → usage. Whatever ends the turn, what came is kept, and a tool call is
never left without its result.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from ollm.awaiting import asked
from ollm.contexts import EventContext, TurnContext
from ollm.contribution import Contribution
from ollm.contributions import FITTING, TurnRecord
from ollm.errors import OllmError
from ollm.messages import (
    ChatRequest,
    Event,
    Finished,
    FinishReason,
    Message,
    Notice,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCalled,
    ToolDecided,
    ToolRecord,
    ToolReturned,
    Usage,
)
from ollm.sections import ChatSettings
from ollm.streaming import Stream
from ollm.tools import Toolbox, sound

if TYPE_CHECKING:
    from ollm.hub import Hub, Owned
    from ollm.selection import Answerer


class _Answer(Struct):
    """What has come of one answer so far."""

    text: list[str] = []
    thinking: list[str] = []
    calls: list[ToolCall] = []
    reason: FinishReason = "cut"
    usage: Usage = Usage()

    def take(self, event: Event) -> None:
        """Add an event."""
        if isinstance(event, TextDelta):
            self.text.append(event.text)
        elif isinstance(event, ThinkingDelta):
            self.thinking.append(event.text)
        elif isinstance(event, ToolCalled):
            self.calls.append(event.call)
        elif isinstance(event, Finished):
            self.reason, self.usage = event.reason, event.usage

    def message(self) -> Message:
        """Return it as the assistant's message."""
        return Message("assistant", "".join(self.text), thinking="".join(self.thinking), tool_calls=tuple(self.calls))


class Turn:
    """One turn under way.

    :param context: holds the conversation so far
    :param tell: is told when the turn is over, however it ended
    """

    def __init__(
        self, hub: Hub, answerer: Answerer, context: TurnContext, prompt: Message, tell: Callable[[TurnRecord], None]
    ) -> None:
        self._hub = hub
        self._answerer = answerer
        self._notices: list[str] = []
        self._context = _noting(context, self._notices)
        self._tell = tell
        self._new = [prompt]
        self._answer: _Answer | None = None
        self._request_sent: ChatRequest | None = None
        self._calls: Sequence[ToolCall] = ()
        self._results: dict[int, ToolReturned] = {}
        self._closed = False
        self._toolbox = Toolbox(hub, aside=context.aside)
        self._ids: set[str] = set()
        self._decided: dict[str, tuple[ToolDecided, float]] = {}
        self._returned: dict[str, float] = {}
        self._tools: list[ToolRecord] = []
        self._watching = [owned for owned in hub.turn_observers() if owned.item.on_event is not None]
        self._watchers: dict[str, list[Callable[..., None]]] = {}
        self._codes: set[str] = set()
        self._started = time.monotonic()
        self._first_token: float | None = None

    async def run(self) -> AsyncGenerator[Event, None]:
        """Hold the turn; however it ends, the conversation is told."""
        try:
            async with aclosing(self._rounds()) as events:
                async for event in events:
                    yield self._observed(event)
        except OllmError:
            self._break_off("cut")
            raise
        except BaseException:
            self._break_off("interrupted")
            raise

    async def _rounds(self) -> AsyncGenerator[Event, None]:
        """Let the model answer, run the tools that it calls, and so on until it calls none."""
        settings = self._context.host.settings.section(ChatSettings)
        system = await self._system()
        usage = Usage()
        for _ in range(settings.max_tool_rounds):
            answer = self._answer = _Answer()
            request = self._request_sent = await self._request(system)
            async with aclosing(Stream(self._hub, self._answerer, request, self._context).events()) as events:
                async for came in events:
                    event = self._sound(came)
                    answer.take(event)
                    if not isinstance(event, Finished):
                        yield event
            if answer.reason == "cut" and "answer-cut" not in self._codes:
                yield Notice("answer-cut", "The answer was cut: the stream ended without its end mark.")
            self._new.append(answer.message())
            self._answer, usage = None, answer.usage
            if not answer.calls:
                yield self._finished(answer.reason, usage)
                return
            self._calls = answer.calls
            async with aclosing(self._toolbox.run_all(answer.calls, self._context, request, self._results)) as events:
                async for event in events:
                    if isinstance(event, ToolDecided):
                        self._decided[event.call.id] = (event, time.monotonic())
                    elif isinstance(event, ToolReturned):
                        self._returned[event.call.id] = time.monotonic()
                    yield event
            self._take_results()
        text = f"The model called tools {settings.max_tool_rounds} times without answering; the turn was ended."
        yield Notice("tool-rounds", text)
        yield self._finished("rounds", usage)

    def _sound(self, event: Event) -> Event:
        """Return an event as it came; a call with an id of its own, and without arguments that cannot be kept."""
        if not isinstance(event, ToolCalled):
            return event
        if not self._ids:
            self._ids.update(call.id for message in self._context.messages for call in message.tool_calls)
        call = sound(event.call, self._ids)
        self._ids.add(call.id)
        if len(call.arguments) < len(event.call.arguments):
            text = "A call's arguments were nested too deeply, so they were left out."
            self._context.host.notify(Notice("tool-call-deep", text))
        return event if call is event.call else ToolCalled(call)

    def _take_results(self) -> None:
        """Put a result for each call into the conversation; one that never came says so."""
        for number, call in enumerate(self._calls):
            result = self._results.get(number) or ToolReturned(call, "Interrupted by the user.", failed=True)
            self._new.append(Message("tool", result.content, tool_call_id=call.id, tool_name=call.name))
            self._tools.append(self._recorded(result))
        self._calls = ()
        self._results.clear()

    def _recorded(self, result: ToolReturned) -> ToolRecord:
        now, identity = time.monotonic(), result.call.id
        decided, at = self._decided.get(identity) or (ToolDecided(result.call, allowed=False), now)
        size, seconds = len(result.content.encode("utf-8", "replace")), self._returned.get(identity, now) - at
        return ToolRecord(decided.call, decided.allowed, decided.by, decided.reason, result.failed, size, seconds)

    async def draft(self) -> ChatRequest:
        """Return what any prompt would bring along, before it is made to fit."""
        return await self._adjusted(self._bare(await self._system(), ()), FITTING)

    async def _system(self) -> str:
        wanted = self._context.overrides.system
        base = self._context.host.settings.section(ChatSettings).system_prompt if wanted is None else wanted
        parts = [base] if base else []
        for owned in self._hub.prompt_parts():
            text = await self._asked(owned, "render", str | None, self._context)
            if text:
                parts.append(text)
        return "\n\n".join(parts)

    async def _request(self, system: str) -> ChatRequest:
        return await self._adjusted(self._bare(system, self._new), None)

    def _bare(self, system: str, new: Sequence[Message]) -> ChatRequest:
        head = (Message("system", system),) if system else ()
        wanted = self._context.overrides
        messages = (*head, *self._context.messages, *new)
        return ChatRequest(self._answerer.model, messages, self._toolbox.specs(), wanted.options, wanted.schema)

    async def _adjusted(self, request: ChatRequest, below: int | None) -> ChatRequest:
        for owned in self._hub.request_adjusters():
            if below is None or owned.item.order < below:
                request = await self._asked(owned, "adjust", ChatRequest, request, self._context) or request
        return request

    async def _asked(self, owned: Owned[Contribution], attribute: str, kind: Any, *arguments: Any) -> Any:
        return await asked(self._hub, self._context.host.notify, owned, attribute, kind, *arguments)

    def _observed(self, event: Event) -> Event:
        if self._first_token is None and isinstance(event, TextDelta):
            self._first_token = time.monotonic() - self._started
        if isinstance(event, Notice):
            self._notices.append(event.text)
            self._codes.add(event.code)
        watchers = self._watchers.get(event.type)
        if watchers is None:
            watchers = self._watchers[event.type] = self._watchers_of(event.type)
        if watchers:
            happened = EventContext(self._context, event, self._request_sent)
            for tell in watchers:
                tell(happened)
        return event

    def _watchers_of(self, event_type: str) -> list[Callable[..., None]]:
        """Return what tells those who want to hear of a type of event; found once, as tokens are many."""
        wanted = [owned for owned in self._watching if not owned.item.events or event_type in owned.item.events]
        return [told for owned in wanted if (told := self._hub.listener(owned, "on_event")) is not None]

    def _finished(self, reason: FinishReason, usage: Usage) -> Finished:
        self._close(reason, usage)
        return Finished(reason, usage)

    def _break_off(self, reason: FinishReason) -> None:
        """Keep what came of a turn that did not end by itself. A prompt that nothing came of is taken back."""
        if self._closed:
            return
        if self._answer is not None:
            message = replace(self._answer.message(), tool_calls=())
            if message.content or message.thinking:
                self._new.append(message)
        self._take_results()
        self._close(reason, self._answer.usage if self._answer else Usage())

    def _close(self, reason: FinishReason, usage: Usage) -> None:
        self._closed = True
        record = TurnRecord(
            id=self._context.id,
            provider=self._answerer.entry.item.name,
            model=self._answerer.model,
            messages=tuple(self._new),
            reason=reason,
            usage=usage,
            notices=tuple(self._notices),
            seconds=time.monotonic() - self._started,
            first_token_seconds=self._first_token,
            context=self._context,
            tools=tuple(self._tools),
            options=self._request_sent.options if self._request_sent is not None else None,
        )
        self._tell(record)
        for owned in self._hub.turn_observers():
            if owned.item.on_turn is not None:
                self._hub.tell(owned, "on_turn", record)


def _noting(context: TurnContext, notices: list[str]) -> TurnContext:
    """Return the context of a turn that notes what plugins tell the user in it."""
    tell = context.host.notify

    def notify(notice: Notice) -> None:
        if notice.text not in notices:
            notices.append(notice.text)
        tell(notice)

    return replace(context, host=replace(context.host, notify=notify))
