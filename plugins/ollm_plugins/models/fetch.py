"""What happens to one model that is being fetched?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from msgspec import convert, structs

from ollm.api import ExitCode, Notice, OllmError, Progress, Provider, PullRequest, PullsModels, Step, Waiting
from ollm_plugins.models.disk import require_room
from ollm_plugins.models.feed import Feed, News
from ollm_plugins.models.patience import ended

SILENCE = 5.0
"""Seconds without progress after which that is said, and said again."""


class PullStopped(OllmError):
    """Somebody stopped a pull."""

    exit_code = ExitCode.INTERRUPTED


class Fetch:
    """One model on its way, for whoever listens; the last one to leave stops it.

    :param work: carries it out, by calling `read`, and returns when the model is there
    :param provider: the one that is asked; empty when that is to be seen
    """

    def __init__(self, request: PullRequest, work: Callable[[Fetch], Awaitable[None]], provider: str) -> None:
        self.request = request
        self.provider = provider
        self.loop = asyncio.get_running_loop()
        self._foreword: Notice | None = None
        self._layers: dict[str, Progress] = {}
        self._notices: list[Notice] = []
        self._step: Step | None = None
        self._subject = request.name
        self._moved = time.monotonic()
        self._feeds: list[Feed] = []
        self.stopping = False
        self._task = asyncio.ensure_future(work(self))
        self._task.add_done_callback(lambda _: self._end())

    @property
    def begun(self) -> bool:
        """Whether the provider has begun to fetch something."""
        return bool(self._layers)

    @property
    def complete(self) -> bool:
        """Whether all that is known of was fetched, so that the provider may go on without us."""
        return self.begun and all(each.done == each.total for each in self._layers.values())

    async def follow(self) -> AsyncGenerator[News | Waiting, None]:
        """Yield what happens; ends when the model is there.

        :raises OllmError: it could not be fetched
        """
        feed = self._listen()
        try:
            while True:
                due = self._moved + SILENCE * (1 + (time.monotonic() - self._moved) // SILENCE)
                try:
                    async with asyncio.timeout(due - time.monotonic()):
                        news = await feed.get()
                except TimeoutError:
                    yield Waiting(self._subject, time.monotonic() - self._moved)
                    continue
                if news is None:
                    break
                yield news
            self._check()
        finally:
            self._feeds.remove(feed)
            if not self._feeds:
                self.stopping = True
                await ended(self._task)

    def stop(self) -> None:
        """Stop it, for every listener; may be called from anywhere."""
        self.stopping = True
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._task.cancel)

    def begin(self, provider: str, foreword: Notice | None) -> None:
        """Turn to a provider.

        :param foreword: told as soon as it fetches something
        """
        self.provider, self._foreword = provider, foreword

    async def read(self, provider: Provider) -> None:
        """Let a provider fetch the model.

        :raises OllmError: the provider says no, or there is no room for the model
        """
        assert isinstance(provider, PullsModels)
        async with aclosing(_closable(provider.pull(self.request))) as news:
            async for each in news:
                await self._handle(provider, each)
        self._tell_foreword()

    def _tell_foreword(self) -> None:
        foreword, self._foreword = self._foreword, None
        if foreword is not None:
            self._tell(foreword)

    def _tell(self, notice: Notice) -> None:
        self._notices.append(notice)
        self._pass_on(notice)

    async def _handle(self, provider: Provider, news: Any) -> None:
        if isinstance(news, Progress):
            self._tell_foreword()
            await self._handle_layer(provider, convert(structs.asdict(news), Progress))
        elif isinstance(news, Step):
            if news != self._step:
                self._step, self._subject = news, news.text
                self._pass_on(news)
        elif isinstance(news, Notice):
            self._tell(news)
        else:
            raise TypeError(f"a pull brings Progress, Step and Notice, no {type(news).__name__}")

    async def _handle_layer(self, provider: Provider, layer: Progress) -> None:
        known = self._layers.get(layer.label)
        if layer == known:  # a server that tries again and again repeats itself
            return
        self._layers[layer.label], self._subject = layer, layer.label
        if layer.total is not None and (known is None or known.total != layer.total):
            await asyncio.to_thread(require_room, provider, self.request.name, self._missing())
        self._pass_on(layer)
        if layer.unit == "bytes":
            self._pass_on(self._sum())

    def _pass_on(self, news: News) -> None:
        self._moved = time.monotonic()
        for feed in self._feeds:
            feed.put(news)

    def _listen(self) -> Feed:
        """Let somebody listen; who comes late hears first how far it is."""
        feed = Feed()
        for notice in self._notices:
            feed.put(notice)
        if self._step:
            feed.put(self._step)
        for layer in self._layers.values():
            feed.put(layer)
        if self._layers:
            feed.put(self._sum())
        if self._task.done():
            feed.end()
        self._feeds.append(feed)
        return feed

    def _sum(self) -> Progress:
        """Add the layers up, as far as they are known."""
        layers = [layer for layer in self._layers.values() if layer.unit == "bytes"]
        totals = [layer.total for layer in layers if layer.total is not None]
        return Progress(
            self.request.name,
            sum(layer.done for layer in layers),
            sum(totals) if len(totals) == len(layers) else None,
            resumed=sum(layer.resumed for layer in layers),
        )

    def _missing(self) -> int:
        layers = [layer for layer in self._layers.values() if layer.unit == "bytes"]
        return sum(max(layer.total - layer.done, 0) for layer in layers if layer.total is not None)

    def _end(self) -> None:
        for feed in self._feeds:
            feed.end()

    def _check(self) -> None:
        """Raise what ended it, unless the model is there."""
        if self._task.cancelled():
            problem = f"The pull of {self.request.name} was stopped"
            raise PullStopped(problem, "What was fetched may be kept; the next pull goes on from there.")
        error = self._task.exception()
        if error is not None:
            raise error


async def _closable(news: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Yield what an iterator does; closing this one closes that one, if it can be."""
    try:
        async for each in news:
            yield each
    finally:
        close = getattr(news, "aclose", None)
        if close is not None:
            await close()
