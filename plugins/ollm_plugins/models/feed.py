"""How do several listeners follow one pull, none of them held up by another?"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable

from ollm.api import Notice, Progress, Step

News = Progress | Step | Notice


class Feed:
    """What one listener has not heard yet. Of each bar's progress only the newest is kept."""

    def __init__(self) -> None:
        self._news: dict[Hashable, News] = {}
        self._count = 0
        self._ended = False
        self._awake = asyncio.Event()

    def put(self, news: News) -> None:
        """Tell something."""
        self._count += 1
        self._news[("bar", news.label) if isinstance(news, Progress) else self._count] = news
        self._awake.set()

    def end(self) -> None:
        """Say that nothing more comes."""
        self._ended = True
        self._awake.set()

    async def get(self) -> News | None:
        """Wait for the next; None at the end."""
        while not self._news:
            if self._ended:
                return None
            self._awake.clear()
            await self._awake.wait()
        return self._news.pop(next(iter(self._news)))
