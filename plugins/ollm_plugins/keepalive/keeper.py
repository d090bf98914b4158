"""Which models are kept, which are in memory, and which are at work just now?

What is known in one run. Whoever acts on it is `upkeep`, `turns` and `commands`; all of them on the run's event loop.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from ollm.api import LoadRequest, fitting, tagged
from ollm_plugins.keepalive.durations import FOREVER, seconds
from ollm_plugins.keepalive.lasting import Lasting
from ollm_plugins.keepalive.retry import Retry
from ollm_plugins.keepalive.settings import KeepAliveSettings

if TYPE_CHECKING:
    from ollm.api import HostContext

Key = tuple[str, str]
"""A provider, and a model's name in the form that all its names have in common."""

PORTION: Final = 300
"""Seconds for which a kept model is kept at a time when its own time-out is 0."""

RECENT: Final = 300.0
"""Seconds after its last use for which a model is not driven out by one that is only kept."""

_OWN_CLOCK: Final = 1.0
"""Seconds by which two answers about the same moment may differ."""


class Seen(Struct, frozen=True):
    """A model in memory, as its provider said last.

    :param deadline: `time.monotonic()` of its unload; None: never
    """

    provider: str
    name: str
    context_size: int | None
    deadline: float | None

    @property
    def key(self) -> Key:
        """Which model it is."""
        return self.provider, tagged(self.name)


class Kept(Struct):
    """A model that stays in memory.

    :param configured: whether the settings want that
    :param until: `time.monotonic()` at which it ends; None: with the program
    :param forever: whether the provider is told so
    :param there: whether it was in memory at the last look
    :param evicted: whether it was taken out before its time, and not loaded again since
    :param sent_at: `time.monotonic()` at which its time was set last; None: not by us
    :param deadline: that of its unload, as seen last
    """

    provider: str
    name: str
    configured: bool = False
    until: float | None = None
    forever: bool = False
    there: bool = False
    evicted: bool = False
    sent_at: float | None = None
    deadline: float | None = None
    retry: Retry = field(default_factory=Retry)

    @property
    def key(self) -> Key:
        """Which model it is."""
        return self.provider, tagged(self.name)


class Work(Struct, frozen=True):
    """A request of ours under way, besides any conversation.

    :param provider: who is asked; None: whoever has a model
    :param loads: the model that it loads, if it loads one
    """

    provider: str | None
    loads: LoadRequest | None
    task: asyncio.Future[Any]

    def is_in_the_way(self, key: Key, context_size: int | None) -> bool:
        """Whether a turn with that model has to wait for it, and gains nothing by that.

        :param context_size: the window that the turn needs, in tokens; None: any
        """
        if self.provider not in (None, key[0]):
            return False
        loads = self.loads
        return loads is None or tagged(loads.name) != key[1] or context_size not in (None, loads.context_size)


def keeper_of(host: HostContext) -> Keeper:
    """Return the one of this run."""
    keeper = host.services.find(Keeper)
    assert keeper is not None, "this room provides it"
    return keeper


class Keeper:
    """What is known of models in memory. One in each run."""

    def __init__(self, host: HostContext) -> None:
        self._settings = host.settings
        self._lasting = Lasting(host)
        self._turns: dict[str, Key] = {}
        self._used: dict[Key, float] = {}
        self._dropped: set[str] = set()
        self.kept: dict[Key, Kept] = {}
        self.seen: dict[str, tuple[Seen, ...]] = {}
        self.work: Work | None = None
        self.changed = asyncio.Event()

    @property
    def settings(self) -> KeepAliveSettings:
        """The settings in force."""
        return self._settings.section(KeepAliveSettings)

    @property
    def busy(self) -> bool:
        """Whether a turn or a command is under way, beside which nothing is to be asked of a server."""
        return bool(self._turns)

    @property
    def configured(self) -> list[str]:
        """The names that the settings want in memory, but for those that the user has taken out since."""
        return [name for name in self.settings.models if tagged(name) not in self._dropped]

    async def begin(self, work: str, provider: str, model: str, context_size: int | None = None) -> None:
        """Note that a turn or a command begins to use a model, and clear the way for it.

        :param work: names it; may begin several times
        """
        key = provider, tagged(model)
        self._turns[work] = key
        self._used[key] = time.monotonic()
        under_way = self.work
        if under_way is not None and under_way.is_in_the_way(key, context_size):
            under_way.task.cancel()
            await asyncio.wait((under_way.task,), timeout=1.0)

    def end(self, work: str) -> None:
        """Note that a turn or a command is over."""
        key = self._turns.pop(work, None)
        if key is not None:
            self._used[key] = time.monotonic()
        self.changed.set()

    def timeout_of(self, name: str) -> int:
        """Return for how long a model stays after its last use, in seconds, or `FOREVER`."""
        settings = self.settings
        own = fitting(name, settings.timeouts)
        return seconds(settings.timeouts[own[0]] if own else settings.timeout)

    def lasting(self, provider: str, name: str) -> int:
        """Return the keep-alive to send with a request that uses a model, in seconds, or `FOREVER`."""
        usual = self.timeout_of(name)
        key = provider, tagged(name)
        kept = self.kept.get(key)
        if kept is not None and kept.until is None:
            usual = FOREVER if kept.forever else usual or PORTION
        promised = [self._lasting.left(*key)]
        if kept is not None and kept.until is not None:
            promised.append(max(0, math.ceil(kept.until - time.monotonic())))
        return FOREVER if FOREVER in (usual, *promised) else max(usual, *promised)

    def afterwards(self, kept: Kept) -> int:
        """Return how long a kept model is to stay when the program has ended, in seconds, or `FOREVER`."""
        times = self.timeout_of(kept.name), self._lasting.left(*kept.key)
        return FOREVER if FOREVER in times else max(times)

    def keep(self, kept: Kept) -> Kept:
        """Keep a model from now on; what was kept of that name before is forgotten."""
        self._dropped.discard(kept.key[1])
        self.kept[kept.key] = kept
        self.changed.set()
        return kept

    def promise(self, provider: str, name: str, duration: int) -> None:
        """Keep a model beyond the end of the program: later requests of ours will not shorten its time."""
        self._lasting.promise(provider, tagged(name), duration)

    def drop(self, provider: str, name: str) -> None:
        """Keep a model no longer, whoever wanted it."""
        key = provider, tagged(name)
        self._lasting.forget(*key)
        self.kept.pop(key, None)
        self._dropped.add(key[1])
        self.see(provider, [each for each in self.seen.get(provider, ()) if each.key != key])

    def see(self, provider: str, models: Sequence[Seen]) -> None:
        """Note what is in memory; who is new there, or stays longer than before, has been used."""
        before = {each.key: each for each in self.seen.get(provider, ())}
        now = time.monotonic()
        for model in models:
            known = before.get(model.key)
            if known is None or (model.deadline or 0.0) > (known.deadline or 0.0) + _OWN_CLOCK:
                self._used[model.key] = now
        self.seen[provider] = tuple(models)

    def is_kept(self, key: Key) -> bool:
        """Whether a model stays as long as the program lives."""
        return key in self.kept and self.kept[key].until is None

    def in_memory(self, key: Key) -> Seen | None:
        """Return a model as it is in memory; None if it is not, as far as is known."""
        return next((each for each in self.seen.get(key[0], ()) if each.key == key), None)

    def has_rival(self, key: Key) -> bool:
        """Whether a model in memory, kept or used in the last minutes, might be driven out by another one."""
        now = time.monotonic()
        others = [each.key for each in self.seen.get(key[0], ()) if each.key != key]
        return any(other in self.kept or now - self._used.get(other, -RECENT) < RECENT for other in others)
