"""What is one turn?

Prompt parts → model → stream → tool calls → usage. The conversation stays consistent whatever happens: a
turn that was interrupted keeps what came, a tool call is never left without its result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ollm.contexts import HostContext, TurnContext
from ollm.contributions import RequestAdjuster, TurnRecord, resolve
from ollm.errors import OllmError, PluginError
from ollm.hub import label
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
    ToolReturned,
    Usage,
    Waiting,
)
from ollm.sections import ChatSettings
from ollm.tools import Toolbox

if TYPE_CHECKING:
    from ollm.hub import Hub
    from ollm.selection import Answerer, Providers

PATIENCE = 1.0
"""Seconds of silence after which the user is told what is waited for."""


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


class Conversation:
    """Turns that build on each other.

    :param workspace: the folder in which the user works
    """

    def __init__(self, hub: Hub, host: HostContext, providers: Providers, workspace: Path) -> None:
        self.hub = hub
        self._host = host
        self._providers = providers
        self._workspace = workspace
        self._answerer: Answerer | None = None
        self._wanted: tuple[str | None, str | None] = (None, None)
        self.messages: list[Message] = []
        self.last_turn: TurnRecord | None = None

    def clear(self) -> None:
        """Begin anew."""
        self.messages.clear()

    async def answerer(self) -> Answerer:
        """Return who answers; decided anew when the settings that decide it have changed."""
        wanted = (self._host.settings.get("model.provider"), self._host.settings.get("model.default"))
        if self._answerer is None or self._wanted != wanted:
            self._answerer = await self._providers.select()
            self._wanted = wanted
        return self._answerer

    async def ask(self, prompt: str, images: tuple[bytes, ...] = ()) -> AsyncGenerator[Event, None]:
        """Hold one turn.

        The last event is `Finished`. Closing the iterator, or cancelling its task, interrupts the turn: what
        came is kept in the conversation.

        :raises OllmError: nobody can answer, or the answer failed
        """
        turn = _Turn(self, await self.answerer(), Message("user", prompt, images))
        async with aclosing(turn.run()) as events:
            async for event in events:
                yield event

    def context(self, answerer: Answerer, prompt: str) -> TurnContext:
        """Return what plugins get to see of a turn."""
        name = answerer.entry.item.name
        return TurnContext(self._host, name, answerer.model, prompt, tuple(self.messages), self._workspace)


class _Turn:
    """One turn under way."""

    def __init__(self, conversation: Conversation, answerer: Answerer, prompt: Message) -> None:
        self._conversation = conversation
        self._hub = conversation.hub
        self._answerer = answerer
        self._context = conversation.context(answerer, prompt.content)
        self._new = [prompt]
        self._toolbox = Toolbox(self._hub)
        self._observers = self._hub.turn_observers()
        self._notices: list[str] = []
        self._codes: set[str] = set()
        self._started = time.monotonic()
        self._first_token: float | None = None

    async def run(self) -> AsyncGenerator[Event, None]:
        settings = self._context.host.settings.section(ChatSettings)
        system = self._system(settings.system_prompt)
        reason: FinishReason = "rounds"
        usage = Usage()
        for _ in range(settings.max_tool_rounds):
            answer = _Answer()
            try:
                async with aclosing(self._stream(self._request(system))) as events:
                    async for event in events:
                        answer.take(event)
                        if not isinstance(event, Finished):
                            yield self._observed(event)
            except (asyncio.CancelledError, GeneratorExit):
                self._keep(answer, "interrupted")
                raise
            except OllmError:
                self._keep(answer, "cut")
                raise
            if answer.reason == "cut" and "answer-cut" not in self._codes:
                yield self._observed(Notice("answer-cut", "The answer was cut: the stream ended without its end mark."))
            self._new.append(answer.message())
            reason, usage = answer.reason, answer.usage
            if not answer.calls:
                break
            async for event in self._run_tools(answer.calls):
                yield event
            reason = "rounds"
        if reason == "rounds":
            text = f"The model called tools {settings.max_tool_rounds} times without answering; the turn was ended."
            yield self._observed(Notice("tool-rounds", text))
        self._close(reason, usage)
        yield self._observed(Finished(reason, usage))

    async def _run_tools(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Event, None]:
        """Run tools; calls that an interrupt leaves open get a result that says so."""
        try:
            results = await self._toolbox.run_all(calls, self._context)
        except (asyncio.CancelledError, GeneratorExit):
            self._take_results([ToolReturned(call, "Interrupted by the user.", failed=True) for call in calls])
            self._close("interrupted", Usage())
            raise
        self._take_results(results)
        for result in results:
            yield self._observed(result)

    def _take_results(self, results: Sequence[ToolReturned]) -> None:
        for result in results:
            call = result.call
            self._new.append(Message("tool", result.content, tool_call_id=call.id, tool_name=call.name))

    def _system(self, base: str | None) -> str:
        parts = [base] if base else []
        for owned in self._hub.prompt_parts():
            text = self._hub.use(owned, "render", self._context)
            if text is not None and not isinstance(text, str):
                error = TypeError(f"it rendered a {type(text).__name__} instead of text")
                self._hub.host.blame_error(owned.record, label(owned.item), error)
            elif text:
                parts.append(text)
        return "\n\n".join(parts)

    def _request(self, system: str) -> ChatRequest:
        head = (Message("system", system),) if system else ()
        messages = (*head, *self._conversation.messages, *self._new)
        request = ChatRequest(self._answerer.model, messages, self._toolbox.specs())
        for owned in self._hub.request_adjusters():
            adjust = partial(_adjusted, owned.item, request, self._context)
            request = self._hub.host.guard(owned.record, label(owned.item), adjust, let=(OllmError,)) or request
        return request

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Relay a provider's events, telling after a moment of silence what is waited for."""
        source: AsyncIterator[Event] | None = None
        try:
            source = aiter(self._answerer.provider.chat(request))
            async for event in _patiently(source, self._answerer.model):
                yield event
            async for event in source:
                yield event
        except (OllmError, asyncio.CancelledError, GeneratorExit):
            raise
        except Exception as error:
            owned = self._answerer.entry
            self._hub.host.blame_error(owned.record, label(owned.item), error, say=False)
            problem = f"Provider '{owned.item.name}' failed: {type(error).__name__}: {error}"
            raise PluginError(owned.record.name, problem, "Set OLLM_DEBUG=1 for the trace.") from error
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                await close()

    def _observed(self, event: Event) -> Event:
        if self._first_token is None and isinstance(event, TextDelta):
            self._first_token = time.monotonic() - self._started
        if isinstance(event, Notice):
            self._notices.append(event.text)
            self._codes.add(event.code)
        for owned in self._observers:
            if owned.item.on_event is not None:
                self._hub.use(owned, "on_event", event)
        return event

    def _keep(self, answer: _Answer, reason: FinishReason) -> None:
        """Keep what came of a turn that broke off; tool calls that never ran are dropped.

        A prompt that nothing came of is taken back.
        """
        message = replace(answer.message(), tool_calls=())
        if message.content or message.thinking:
            self._new.append(message)
        if reason == "interrupted" or len(self._new) > 1:
            self._close(reason, answer.usage)

    def _close(self, reason: FinishReason, usage: Usage) -> None:
        if len(self._new) > 1:
            self._conversation.messages.extend(self._new)
        record = TurnRecord(
            provider=self._answerer.entry.item.name,
            model=self._answerer.model,
            messages=tuple(self._new),
            reason=reason,
            usage=usage,
            notices=tuple(self._notices),
            seconds=time.monotonic() - self._started,
            first_token_seconds=self._first_token,
        )
        self._conversation.last_turn = record
        for owned in self._observers:
            if owned.item.on_turn is not None:
                self._hub.use(owned, "on_turn", record)


def _adjusted(adjuster: RequestAdjuster, request: ChatRequest, turn: TurnContext) -> ChatRequest:
    adjusted = resolve(adjuster.adjust)(request, turn)
    if not isinstance(adjusted, ChatRequest):
        raise TypeError(f"it returned a {type(adjusted).__name__} instead of the request")
    return adjusted


async def _patiently(source: AsyncIterator[Event], subject: str) -> AsyncGenerator[Event, None]:
    """Yield a stream's first event, and `Waiting` each second until it comes."""
    started = time.monotonic()
    first = asyncio.ensure_future(anext(source, None))
    try:
        while not first.done():
            await asyncio.wait((first,), timeout=PATIENCE)
            if not first.done():
                yield Waiting(subject, time.monotonic() - started)
        event = first.result()
        if event is not None:
            yield event
    finally:
        if not first.done():
            first.cancel()
            await asyncio.wait((first,))
