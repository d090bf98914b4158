"""How is a plugin's coroutine awaited, so that its failure stays the plugin's?

The counterpart of `Host.guard` for what is asynchronous: tools, approvers, providers, services.
"""

from __future__ import annotations

import asyncio
import inspect
import io
import sys
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ollm.errors import OllmError, PluginError, cause_of, remedy_for
from ollm.hub import label
from ollm.messages import Notice

if TYPE_CHECKING:
    from ollm.contribution import Contribution
    from ollm.hub import Hub, Owned

T = TypeVar("T")

CLOSING = 3.0
"""Seconds that something may take to close."""


async def awaited(hub: Hub, owned: Owned[Contribution], work: Awaitable[T]) -> T:
    """Await something of a contribution's, as `apart` does.

    :raises OllmError: it says no, in words for the user
    :raises PluginError: it failed in any other way, which is noted; a cancellation of its own making and an attempt
        to end the program count as failures
    """
    try:
        return await apart(hub, owned, work)
    except BaseException as error:
        if not is_failure(error):
            raise
        raise failure(hub, owned, error) from error


async def apart(hub: Hub, owned: Owned[Contribution], work: Awaitable[T]) -> T:
    """Await something of a contribution's; what it prints is kept away from stdout, and held against its plugin."""
    steps = _Apart(work)
    try:
        return await steps
    finally:
        if steps.printed.getvalue():
            hub.host.blame_print(owned.record, label(owned.item), steps.printed.getvalue())


class _Apart(Generic[T]):
    """Awaits work with stdout out of its reach: step by step, since between two steps others are at work."""

    def __init__(self, work: Awaitable[T]) -> None:
        self._work = work
        self.printed = io.StringIO()

    def __await__(self) -> Generator[Any, Any, T]:
        steps = _whole(self._work).__await__()
        act: Callable[[Any], Any] = steps.send
        given: Any = None
        while True:
            before, sys.stdout = sys.stdout, self.printed
            try:
                wanted = act(given)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # it is the work's
            finally:
                sys.stdout = before
            try:
                act, given = steps.send, (yield wanted)
            except BaseException as error:
                act, given = steps.throw, error


async def _whole(work: Awaitable[T]) -> T:
    """Make a coroutine of anything that can be awaited."""
    return await work


def is_failure(error: BaseException) -> bool:
    """Whether what a contribution has raised is its failure: neither words for the user nor an end from outside."""
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and not task.cancelling()
    return not isinstance(error, OllmError | KeyboardInterrupt | GeneratorExit)


async def asked(
    hub: Hub, notify: Callable[[Notice], None], owned: Owned[Contribution], attribute: str, kind: Any, *arguments: Any
) -> Any:
    """Call a contribution's function, which may be async; None when it fails, which is noted and said.

    :param kind: what it must return, unless None
    :raises OllmError: it says no in words that are meant for the user
    :raises PluginError: in strict mode, it failed
    """
    answer = hub.use(owned, attribute, *arguments)
    if inspect.isawaitable(answer):
        try:
            answer = await awaited(hub, owned, answer)
        except PluginError as error:
            if hub.host.strict:
                raise
            notify(Notice("plugin-failed", str(error)))
            return None
    if answer is None or isinstance(answer, kind):
        return answer
    wrong = TypeError(f"it returned a {type(answer).__name__}")
    hub.host.blame_error(owned.record, label(owned.item), wrong)
    return None


async def closed(hub: Hub, owned: Owned[Contribution], close: Callable[[], Awaitable[None]]) -> None:
    """Let a contribution give back what it holds; one that fails or takes too long is noted and left behind."""

    async def work() -> None:
        await close()

    task = asyncio.ensure_future(awaited(hub, owned, work()))
    await asyncio.wait((task,), timeout=CLOSING)
    if not task.done():
        task.cancel()
        failure(hub, owned, TimeoutError(f"it did not close within {CLOSING:g} s"))
    elif not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, PluginError):
        failure(hub, owned, error)


def failure(hub: Hub, owned: Owned[Contribution], error: BaseException) -> PluginError:
    """Note what a contribution raised and return it in words."""
    hub.host.blame_error(owned.record, label(owned.item), error, say=False)
    what = label(owned.item)
    problem = f"{what[:1].upper()}{what[1:]} failed: {cause_of(error)}"
    return PluginError(owned.record.name, problem, remedy_for(owned.record, what, error))
