"""What goes on beside the conversation?

Tasks of plugins, such as keeping models in memory, on the run's event loop. They go on whenever that loop runs:
while an answer comes, and while the user types. A task that fails is its plugin's failure; all end with the program.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING

from ollm.awaiting import CLOSING, awaited, failure
from ollm.errors import OllmError
from ollm.messages import Notice

if TYPE_CHECKING:
    from ollm.contexts import HostContext
    from ollm.contributions import BackgroundTask
    from ollm.hub import Hub, Owned


class Background:
    """The tasks of all plugins."""

    def __init__(self, hub: Hub, context: HostContext) -> None:
        self._hub = hub
        self._context = context
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin every task on a loop; those on a former loop are left behind with it."""
        self._tasks = [loop.create_task(self._run(owned)) for owned in self._hub.background_tasks()]

    async def aclose(self) -> None:
        """End every task, with a few seconds for what they have to tidy up."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING)

    async def _run(self, owned: Owned[BackgroundTask]) -> None:
        """Run one task; however it fails, the user is told once and the program goes on."""
        try:
            work = self._hub.use(owned, "run", self._context)
            if inspect.isawaitable(work):
                await awaited(self._hub, owned, work)
            elif work is not None:
                raise failure(self._hub, owned, TypeError(f"it returned a {type(work).__name__}"))
        except OllmError as error:
            self._context.notify(Notice("background-failed", str(error)))
