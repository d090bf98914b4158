"""How do models stay in memory while the program lives?

A loop beside the conversation: look what is in memory, load what should be, say again how long it stays before that
time is over. It asks one thing at a time, nothing while a turn is under way (what it asks as one begins is broken off),
and never with another context window than the one that is allocated, which would load the model anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Final, TypeVar

from ollm.api import HostContext, LoadRequest, ModelNotFound, Notice, OllmError, ProviderUnreachable, tagged
from ollm_plugins.keepalive import memory
from ollm_plugins.keepalive.durations import FOREVER
from ollm_plugins.keepalive.keeper import Keeper, Kept, Seen, Work, keeper_of
from ollm_plugins.keepalive.retry import Retry

if TYPE_CHECKING:
    from ollm.api import Owned, ProviderEntry

LOOK: Final = 5.0
"""Seconds between two looks at what is in memory, if nothing is to be done before."""

RESERVE: Final = 10.0
"""Seconds before a model's time is over at which it is said anew at the latest, for all but the shortest times."""

FAREWELL: Final = 2.0
"""Seconds that may be spent on setting times at the program's end."""

T = TypeVar("T")

_LEAST: Final = 0.05
_LATE: Final = 1.0


class _TurnBegan(Exception):
    """A turn needs the server: whatever was due is done after it."""


async def run(host: HostContext) -> None:
    """Keep models in memory until the task is cancelled."""
    upkeep = Upkeep(host)
    try:
        while True:
            await upkeep.round()
            await upkeep.pause()
    finally:
        await upkeep.leave()


class Upkeep:
    """The loop's steps."""

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self._keeper: Keeper = keeper_of(host)
        self._access = memory.access_of(host)
        self._away: dict[str, Retry] = {}
        self._skew: dict[str, float] = {}
        self._settled: set[str] = set()
        self._finding = Retry()

    async def round(self) -> None:
        """Do whatever is due."""
        keeper = self._keeper
        keeper.changed.clear()
        if not keeper.settings.enabled:
            keeper.seen.clear()
            return
        with contextlib.suppress(_TurnBegan):
            await self._adopt()
            for owned in self._watched():
                if self._away.setdefault(owned.item.name, Retry()).is_due:
                    await self._tend(owned)

    async def pause(self) -> None:
        """Wait until something is due, or a turn or a command is over."""
        keeper, now = self._keeper, time.monotonic()
        idle = keeper.busy or not keeper.settings.enabled
        kept = [] if idle else [each for each in keeper.kept.values() if not self._is_away(each.provider)]
        dues = [self._due(each) - now for each in kept]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(_LEAST, min((LOOK, *dues)))):
                await keeper.changed.wait()

    async def leave(self) -> None:
        """Let the models that were told to stay for good, or longer than they should, run out after their time."""
        keeper = self._keeper
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                for kept in list(keeper.kept.values()):
                    time_left = keeper.afterwards(kept)
                    if kept.until is None and time_left != FOREVER and (kept.forever or time_left == 0):
                        await self._let_go(kept, time_left)

    async def _let_go(self, kept: Kept, time_left: int) -> None:
        owned = self._access.entry(kept.provider)
        if self._is_away(kept.provider):
            return
        try:
            models = memory.seen(kept.provider, await memory.look(self._access, owned))
            found = next((each for each in models if each.key == kept.key), None)
            if found is not None:
                await memory.load(self._access, owned, LoadRequest(kept.name, time_left, found.context_size))
        except OllmError as error:
            text = f"How long {kept.name} stays in memory could not be set back: {error}"
            self._host.notify(Notice("keep-alive-left", text))

    async def _adopt(self) -> None:
        """Find out whose models the settings mean; forget those that they mean no longer.

        :raises _TurnBegan: it is to be found out later
        """
        keeper = self._keeper
        wanted = keeper.configured
        names = {tagged(name) for name in wanted}
        for kept in [each for each in keeper.kept.values() if each.configured and each.key[1] not in names]:
            del keeper.kept[kept.key]
        self._settled &= names
        for name in wanted:
            if tagged(name) not in self._settled and self._finding.is_due:
                await self._find(name)

    async def _find(self, name: str) -> None:
        try:
            owned = await self._ask(None, memory.holder(self._access, name))
        except ProviderUnreachable as error:
            self._tell_away(self._finding, error, [name])
            return
        except OllmError as error:
            self._host.notify(Notice("keep-alive-impossible", f"{name} is not kept in memory: {error}"))
        else:
            kept = Kept(owned.item.name, name, configured=True)
            self._keeper.kept.setdefault(kept.key, kept)
            self._finding.worked()
        self._settled.add(tagged(name))

    def _watched(self) -> Iterator[Owned[ProviderEntry]]:
        """Yield the providers to look at: the chosen one, or all; and whose models are kept."""
        chosen = self._access.chosen()
        names = {kept.provider for kept in self._keeper.kept.values()}
        for owned in self._access.entries():
            if (chosen is None or owned.item.name in (chosen, *names)) and memory.holds_models(self._access, owned):
                yield owned

    async def _tend(self, owned: Owned[ProviderEntry]) -> None:
        """Look at one provider's memory, and do what is due there."""
        name = owned.item.name
        kept = [each for each in self._keeper.kept.values() if each.provider == name]
        try:
            await self._look(owned)
            for each in kept:
                await self._hold(owned, each)
        except OllmError as error:
            self._keeper.see(name, ())
            self._tell_away(self._away[name], error, [each.name for each in kept])
        else:
            self._tell_back(name, [each.name for each in kept])

    async def _look(self, owned: Owned[ProviderEntry]) -> None:
        name = owned.item.name
        models = await self._ask(name, memory.look(self._access, owned))
        self._keeper.see(name, memory.seen(name, models, self._skew.get(name, 0.0)))

    async def _ask(
        self, provider: str | None, question: Coroutine[None, None, T], loads: LoadRequest | None = None
    ) -> T:
        """Ask a provider, or whoever has a model, unless a turn is under way or begins meanwhile.

        :param loads: the model that the question loads, for which a turn may wait
        :raises _TurnBegan: there is no answer, since a turn is under way
        :raises OllmError: the provider does not answer, or refuses
        """
        if self._keeper.busy:
            question.close()
            raise _TurnBegan
        task = asyncio.ensure_future(question)
        self._keeper.work = Work(provider, loads, task)
        try:
            await asyncio.wait((task,))
        finally:
            self._keeper.work = None
            task.cancel()
        if task.cancelled():
            raise _TurnBegan
        answer = task.result()
        if self._keeper.busy and loads is None:  # what it says may be true no longer
            raise _TurnBegan
        return answer

    async def _hold(self, owned: Owned[ProviderEntry], kept: Kept) -> None:
        """Do what is due for one model.

        :raises ProviderUnreachable: nobody answers
        """
        if kept.until is not None and time.monotonic() >= kept.until:
            del self._keeper.kept[kept.key]
            return
        found = self._keeper.in_memory(kept.key)
        self._compare(kept, found)
        if found is None and (not kept.retry.is_due or (kept.evicted and self._keeper.has_rival(kept.key))):
            return
        if found is not None and time.monotonic() < self._due(kept):
            return
        try:
            await self._send(owned, kept, found)
        except ProviderUnreachable:
            raise
        except OllmError as error:
            self._refused(kept, error)

    def _compare(self, kept: Kept, found: Seen | None) -> None:
        """Note whether a model is where it should be; one that was taken out before its time is said."""
        if found is None and kept.there and (kept.deadline is None or time.monotonic() < kept.deadline - _LATE):
            kept.evicted = True
            kept.retry.failed()
            text = f"{kept.name} was taken out of memory; it is loaded again when no other model in use needs the room."
            self._host.notify(Notice("keep-alive-evicted", text))
        kept.there = found is not None
        kept.deadline = found.deadline if found is not None else None

    async def _send(self, owned: Owned[ProviderEntry], kept: Kept, found: Seen | None) -> None:
        """Load a model, or say anew how long it stays; a turn that begins meanwhile breaks it off.

        :raises OllmError: the provider does not answer, or refuses
        """
        name, lasting = owned.item.name, self._keeper.lasting(kept.provider, kept.name)
        if found is not None:
            context = found.context_size
        else:
            context = await self._ask(name, memory.context_for(self._host, kept.name, name))
        request = LoadRequest(kept.name, lasting, context)
        await self._ask(name, memory.load(self._access, owned, request), request)
        kept.sent_at, kept.evicted = time.monotonic(), False
        kept.retry.worked()
        await self._learn(owned, kept, lasting, kept.sent_at)

    async def _learn(self, owned: Owned[ProviderEntry], kept: Kept, lasting: int, at: float) -> None:
        """Look at what came of it; it also shows by how much the provider's clock differs from ours."""
        name = owned.item.name
        models = await self._ask(name, memory.look(self._access, owned))
        found = next((each for each in models if tagged(each.name) == kept.key[1]), None)
        expires = memory.wall_time(found.expires) if found else None
        if expires is not None and lasting != FOREVER:
            self._skew[name] = expires - (time.time() - time.monotonic() + at + lasting)
        self._keeper.see(name, memory.seen(name, models, self._skew.get(name, 0.0)))
        self._compare(kept, self._keeper.in_memory(kept.key))

    def _due(self, kept: Kept) -> float:
        """Return the `time.monotonic()` at which to act for a model."""
        found, later = self._keeper.in_memory(kept.key), time.monotonic() + LOOK
        if found is None:
            return later if kept.there or kept.retry.has_failed else 0.0
        if found.deadline is None:
            return later
        if kept.sent_at is None:
            return 0.0
        lasting = self._keeper.lasting(kept.provider, kept.name)
        if kept.until is not None and found.deadline > kept.until - _LATE:
            return kept.until
        if kept.until is not None or lasting == FOREVER:  # it goes earlier than was asked for
            return kept.sent_at + LOOK
        margin = min(max(lasting / 2, RESERVE), lasting * 0.75)
        return max(found.deadline - margin, kept.sent_at + lasting / 4)

    def _refused(self, kept: Kept, error: OllmError) -> None:
        """Note that a server would not load a model; one that it does not have is not asked for again."""
        if kept.retry.failed():
            self._host.notify(Notice("keep-alive-refused", f"{kept.name} is not kept in memory: {error}"))
        if isinstance(error, ModelNotFound):
            del self._keeper.kept[kept.key]

    def _is_away(self, provider: str) -> bool:
        return provider in self._away and self._away[provider].has_failed

    def _tell_away(self, retry: Retry, error: OllmError, names: list[str]) -> None:
        if retry.failed() and names:
            text = f"{error.problem}; as soon as it answers, {' and '.join(names)} will be kept in memory."
            self._host.notify(Notice("keep-alive-away", text))

    def _tell_back(self, name: str, names: list[str]) -> None:
        if self._away[name].worked() and names:
            text = f"Provider '{name}' answers again: {' and '.join(names)} will be kept in memory."
            self._host.notify(Notice("keep-alive-back", text))
