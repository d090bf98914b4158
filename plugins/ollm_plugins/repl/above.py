"""How does a notice come above the line that is being typed, without harm to it?"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ollm.api import Notice


class Above:
    """Says notices at once, or above the prompt while it waits for a line; from any thread.

    :param say: writes one where the cursor is
    """

    def __init__(self, say: Callable[[Notice], None]) -> None:
        self._say = say
        self._waiting: deque[Notice] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._around: Callable[[Callable[[], None]], object] | None = None

    def notice(self, notice: Notice) -> None:
        """Say a notice."""
        loop = self._loop
        if loop is None:
            self._say(notice)
            return
        self._waiting.append(notice)
        loop.call_soon_threadsafe(self._begin)

    @contextmanager
    def prompt(self, around: Callable[[Callable[[], None]], object]) -> Iterator[None]:
        """Hold the terminal for a prompt; what has not been said when it ends is said then.

        :param around: takes the prompt away, calls the function that it gets, at once or soon, and puts it back
        """
        self._loop, self._around = asyncio.get_running_loop(), around
        try:
            yield
        finally:
            self._loop = self._around = None
            self._say_all()

    def _begin(self) -> None:
        if self._around is not None and self._waiting:
            self._around(self._say_all)

    def _say_all(self) -> None:
        while self._waiting:
            self._say(self._waiting.popleft())
