"""For how long is a provider waited for?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ollm.api import OllmError, Owned, Provider, ProviderAccess, ProviderEntry, ProviderUnreachable

T = TypeVar("T")

QUICK = 0.08
"""Seconds that a provider gets when there is a former answer. A server on this machine takes 0.01; and a command that
lists models takes 0.21 besides (measured where `ollm --version` takes 0.03), so that it ends within 0.3."""

USUAL = 3.0
"""How many times as long as usual an answer may take before the former one is given."""

_SLICES = 3
_CLOSING = 3.0


async def ask(
    access: ProviderAccess,
    owned: Owned[ProviderEntry],
    question: Callable[[Provider], Awaitable[T]],
    patience: float | None = None,
) -> T | OllmError:
    """Ask a provider something and return its answer, or why there is none.

    :param patience: seconds to wait; None: as long as the kernel has patience
    :raises PluginError: in strict mode, its plugin failed
    """
    asked = asyncio.ensure_future(access.ask_all([owned], question))
    try:
        if patience is not None and not await _in_time(asked, patience):
            problem = f"Provider '{owned.item.name}' did not answer within {patience:.2g} s"
            return ProviderUnreachable(problem, "It may be busy; ask again later.")
        return (await asked)[0][1]
    finally:
        await ended(asked)


def patience_for(usual: float) -> float:
    """Return how long to wait for a provider whose former answer is there.

    :param usual: seconds that it takes to answer
    """
    return max(QUICK, USUAL * usual)


async def ended(task: asyncio.Future[Any]) -> None:
    """End a task whose outcome nobody waits for any more."""
    if not task.done():
        task.cancel()
        await asyncio.wait((task,), timeout=_CLOSING)
    if task.done() and not task.cancelled():
        task.exception()  # it was given up; nobody is to be told


async def soon(task: asyncio.Future[T], patience: float, otherwise: T) -> T:
    """Return what a task brings that is of less weight, if it does so soon."""
    await asyncio.wait((task,), timeout=patience)
    return task.result() if task.done() else otherwise


async def _in_time(asked: asyncio.Future[Any], patience: float) -> bool:
    """Wait in slices: what holds up this process, such as an import, costs one of them and not all."""
    for _ in range(_SLICES):
        done, _open = await asyncio.wait((asked,), timeout=patience / _SLICES)
        if done:
            return True
    return False
