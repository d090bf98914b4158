"""How is a provider read?

In one task from beginning to end, as its own scopes and time-outs need it. A queue holds it back when nobody takes
what it brings, and gets a None when it ends while somebody waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING

from ollm.awaiting import CLOSING, apart, awaited, failure, is_failure
from ollm.contexts import StreamContext
from ollm.errors import OllmError
from ollm.messages import ChatRequest, Event, TextDelta, Waiting

if TYPE_CHECKING:
    from ollm.contexts import TurnContext
    from ollm.contributions import StreamAdjuster
    from ollm.hub import Hub, Owned
    from ollm.selection import Answerer

PATIENCE = 1.0
"""Seconds of silence after which the user is told what is waited for."""

QUEUE = 64
"""Events that a provider may be ahead of whoever shows them."""

BEHIND = 8
"""Events that whoever shows them may be behind before pieces of text that came meanwhile are put together: what comes
faster than it is shown is shown in larger pieces, not later."""

_END = object()


class Stream:
    """One answer of a provider."""

    def __init__(self, hub: Hub, answerer: Answerer, request: ChatRequest, turn: TurnContext) -> None:
        self._hub = hub
        self._answerer = answerer
        self._request = request
        self._turn = turn
        self._begun = asyncio.Event()
        self._left = False

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield a provider's events, and `Waiting` each second until the first has come.

        :raises OllmError: the provider said no, or failed
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE)
        entry, sent = self._answerer.entry, time.monotonic()
        pump = asyncio.ensure_future(awaited(self._hub, entry, self._read(queue)))
        pump.add_done_callback(lambda _: self._ended(queue))
        try:
            while not self._begun.is_set():
                try:
                    async with asyncio.timeout(PATIENCE):
                        await self._begun.wait()
                except TimeoutError:
                    yield Waiting(self._answerer.model, time.monotonic() - sent)
            while queue.qsize() or not pump.done():
                event = queue.get_nowait() if queue.qsize() else await queue.get()
                if type(event) is TextDelta and queue.qsize() >= BEHIND:
                    event, following = _joined(event, queue)
                    yield event
                    event = following
                if event is not None:
                    yield event
            self._check(pump)
        finally:
            self._left = True
            pump.cancel()
            await asyncio.wait((pump,), timeout=CLOSING)
            if pump.done() and not pump.cancelled():
                pump.exception()  # whatever its clean-up raised: the turn is over

    def _ended(self, queue: asyncio.Queue[Event | None]) -> None:
        """Wake whoever waits for an event that will not come."""
        self._begun.set()
        if queue.empty():
            queue.put_nowait(None)

    def _check(self, pump: asyncio.Future[None]) -> None:
        """Raise what ended the reading of a provider, unless it ended by itself.

        :raises OllmError: the provider said no, or failed
        """
        error = asyncio.CancelledError("cancelled from within") if pump.cancelled() else pump.exception()
        if isinstance(error, OllmError):
            raise error
        if error is not None:
            raise failure(self._hub, self._answerer.entry, error) from error

    async def _read(self, queue: asyncio.Queue[Event | None]) -> None:
        source = aiter(self._source())
        try:
            async for event in source:
                if self._left:
                    return
                _of_kind(event)
                if queue.full():
                    await queue.put(event)
                else:
                    queue.put_nowait(event)  # a fifth of the cost of a token
                if not self._begun.is_set():
                    self._begun.set()
        finally:
            await _close(source)

    def _source(self) -> AsyncIterator[Event]:
        """Return the provider's events, or what stream adjusters make of them."""
        send: Callable[[ChatRequest], AsyncIterator[Event]] = self._answerer.provider.chat
        for owned in reversed(self._hub.stream_adjusters()):
            send = partial(self._through, owned, send)
        return send(self._request)

    def _through(
        self,
        owned: Owned[StreamAdjuster],
        send: Callable[[ChatRequest], AsyncIterator[Event]],
        request: ChatRequest,
    ) -> AsyncIterator[Event]:
        events = self._hub.use(owned, "stream", StreamContext(request, self._turn, partial(self._sent, send)))
        if events is None:
            return send(request)
        return self._blaming(owned, events)

    async def _sent(
        self, send: Callable[[ChatRequest], AsyncIterator[Event]], request: ChatRequest
    ) -> AsyncGenerator[Event, None]:
        """Yield what comes from behind an adjuster; what is raised there is not the adjuster's failure.

        :raises OllmError: the provider said no
        :raises PluginError: the provider failed
        """
        events: AsyncIterator[Event] | None = None
        try:
            events = send(request)
            source = aiter(events)
            while (event := await apart(self._hub, self._answerer.entry, anext(source, _END))) is not _END:
                yield _of_kind(event)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise failure(self._hub, self._answerer.entry, error) from error
        finally:
            await _close(events)

    async def _blaming(self, owned: Owned[StreamAdjuster], events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """Yield what an adjuster yields; what it raises is its plugin's failure.

        :raises OllmError: it, or the provider behind it, said no
        :raises PluginError: it failed
        """
        try:
            source = aiter(events)
            while (event := await apart(self._hub, owned, anext(source, _END))) is not _END:
                yield _of_kind(event)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise failure(self._hub, owned, error) from error
        finally:
            await _close(events)


def _of_kind(event: object) -> Event:
    """Return an event.

    :raises TypeError: it is none, which would fail far from whoever yielded it
    """
    if isinstance(event, Event):
        return event
    raise TypeError(f"it yielded a {type(event).__name__}, which is no event")


def _joined(first: TextDelta, queue: asyncio.Queue[Event | None]) -> tuple[TextDelta, Event | None]:
    """Return the pieces of text at the head of a queue as one, and the event that was taken behind them, if any."""
    texts = [first.text]
    while queue.qsize():
        event = queue.get_nowait()
        if type(event) is not TextDelta:
            return TextDelta("".join(texts)), event
        texts.append(event.text)
    return TextDelta("".join(texts)), None


async def _close(events: AsyncIterator[Event] | None) -> None:
    """Close a stream here, in the task that reads it, if there is one and it can be closed."""
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()
