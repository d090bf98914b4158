"""How is it noticed that nothing has come for a while, without a timer for each piece that comes?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 1.0
"""Seconds in which nothing comes before that counts as silence."""


class Silence:
    """Looks now and then how long ago something was heard.

    :param fallen: is told how long nothing has come, in seconds, again and again while that lasts
    """

    def __init__(self, fallen: Callable[[float], None]) -> None:
        self._fallen = fallen
        self._heard = 0.0
        self._next: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin to listen, if there is an event loop."""
        self.heard()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # nothing can come while nobody runs
            return
        if self._next is None:
            self._next = loop.call_later(PATIENCE, self._look, loop)

    def heard(self) -> None:
        """Hear something."""
        self._heard = time.monotonic()

    def end(self) -> None:
        """Listen no longer."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        silent = time.monotonic() - self._heard
        if silent >= PATIENCE:
            self._fallen(silent)
        self._next = loop.call_later(max(PATIENCE - silent, PATIENCE / 4), self._look, loop)
