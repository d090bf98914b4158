"""What happens in one turn?

Prompt parts → model → stream → tool calls → usage. Whatever ends the turn, what came is kept, and a tool call is
never left without its result.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from ollm.contexts import TurnContext
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
    from ollm.selection import Answerer

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
        self._context = context
        self._tell = tell
        self._new = [prompt]
        self._answer: _Answer | None = None
        self._open_calls: Sequence[ToolCall] = ()
        self._closed = False
        self._toolbox = Toolbox(self._hub)
        self._observers = self._hub.turn_observers()
        self._notices: list[str] = []
        self._codes: set[str] = set()
        self._started = time.monotonic()
        self._first_token: float | None = None

    async def run(self) -> AsyncGenerator[Event, None]:
        """Hold the turn; however it ends, the conversation is told."""
        try:
            async with aclosing(self._rounds()) as events:
                async for event in events:
                    yield self._observed(event)
        except (asyncio.CancelledError, GeneratorExit):
            self._break_off("interrupted")
            raise
        except OllmError:
            self._break_off("cut")
            raise

    async def _rounds(self) -> AsyncGenerator[Event, None]:
        """Let the model answer, run the tools that it calls, and so on until it calls none."""
        settings = self._context.host.settings.section(ChatSettings)
        system = self._system(settings.system_prompt)
        for _ in range(settings.max_tool_rounds):
            answer = self._answer = _Answer()
            async with aclosing(self._stream(self._request(system))) as events:
                async for event in events:
                    answer.take(event)
                    if not isinstance(event, Finished):
                        yield event
            if answer.reason == "cut" and "answer-cut" not in self._codes:
                yield Notice("answer-cut", "The answer was cut: the stream ended without its end mark.")
            self._new.append(answer.message())
            self._answer = None
            if not answer.calls:
                yield self._finished(answer.reason, answer.usage)
                return
            async for event in self._run_tools(answer.calls):
                yield event
        text = f"The model called tools {settings.max_tool_rounds} times without answering; the turn was ended."
        yield Notice("tool-rounds", text)
        yield self._finished("rounds", answer.usage)

    async def _run_tools(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Event, None]:
        self._open_calls = calls
        results = await self._toolbox.run_all(calls, self._context)
        self._take_results(results)
        for result in results:
            yield result

    def _take_results(self, results: Sequence[ToolReturned]) -> None:
        self._open_calls = ()
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
        messages = (*head, *self._context.messages, *self._new)
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

    def _finished(self, reason: FinishReason, usage: Usage) -> Finished:
        self._close(reason, usage)
        return Finished(reason, usage)

    def _break_off(self, reason: FinishReason) -> None:
        """Keep what came of a turn that did not end by itself; a call without a result gets one that says so.

        A prompt that nothing came of is taken back.
        """
        if self._closed:
            return
        if self._answer is not None:
            message = replace(self._answer.message(), tool_calls=())
            if message.content or message.thinking:
                self._new.append(message)
        self._take_results([ToolReturned(call, "Interrupted by the user.", failed=True) for call in self._open_calls])
        if reason == "interrupted" or len(self._new) > 1:
            self._close(reason, self._answer.usage if self._answer else Usage())

    def _close(self, reason: FinishReason, usage: Usage) -> None:
        self._closed = True
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
        self._tell(record)
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
