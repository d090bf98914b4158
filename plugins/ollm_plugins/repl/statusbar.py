"""What stands in the status bar?

Each item is asked in a thread of its own, about once a second while the prompt waits. One that takes long, or fails,
holds up neither typing nor the others: its plugin is blamed for it, and the bar goes on without it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ollm.api import Notice, OllmError, label, visible
from ollm_plugins.repl.wrapping import cells, fitted

if TYPE_CHECKING:
    from ollm.api import App, Owned, StatusContext, StatusItem

EVERY: Final = 1.0
"""Seconds between two looks at the items."""

LOOKS: Final = 3
"""Looks at which an item may still be due before it is left out and its plugin blamed.

Looks, not seconds: those pass as well while the whole program is stopped by Ctrl-Z, or the machine busy elsewhere, for
which no plugin is to be blamed.
"""

MOMENT: Final = 0.2
"""Seconds that a prompt may wait for the items, where the bar is not to change by itself."""

SEPARATOR: Final = " \u00b7 "
LEFT_OUT: Final = "\u2026"
_BRACKETS: Final = re.compile(r"\s*\([^()]*\)")


class Item:
    """One status item, asked again only when it has answered."""

    def __init__(self, app: App, owned: Owned[StatusItem]) -> None:
        self._app = app
        self._owned = owned
        self._render: Callable[[StatusContext], Any] | None = app.hub.load(owned, "render")
        self._asked, self._missed = False, 0
        self.text = ""

    @property
    def is_asked(self) -> bool:
        """Whether an answer is still to come."""
        return self._asked

    def ask(self, context: StatusContext, loop: asyncio.AbstractEventLoop, answered: Callable[[], None]) -> None:
        """Begin to ask, unless the last answer is still to come.

        :param answered: called on the loop
        """
        if self._render is None:
            return
        if self._asked:
            self._miss()
            return
        self._asked, self._missed = True, 0
        work = threading.Thread(
            target=self._work, args=(self._render, context, loop, answered), daemon=True, name=label(self._owned.item)
        )
        work.start()

    def _work(
        self,
        render: Callable[[StatusContext], Any],
        context: StatusContext,
        loop: asyncio.AbstractEventLoop,
        answered: Callable[[], None],
    ) -> None:
        try:
            answer = self._app.host.guard(self._owned.record, label(self._owned.item), lambda: render(context))
        except OllmError as strict:
            answer = strict

        def take() -> None:
            self._take(answer)
            answered()

        try:
            loop.call_soon_threadsafe(take)
        except RuntimeError:  # the program has ended meanwhile
            return

    def _take(self, answer: Any) -> None:
        self._asked = False
        self.text = ""
        if isinstance(answer, OllmError):
            self._app.out.notify(Notice("plugin-failed", str(answer)))
        elif isinstance(answer, str):
            self.text = " ".join(visible(answer).split())
        elif answer is not None:
            self._blame(TypeError(f"it returned a {type(answer).__name__}"))

    def _miss(self) -> None:
        self._missed += 1
        if self._missed == LOOKS:
            self.text = ""
            self._blame(TimeoutError(f"it took longer than {LOOKS * EVERY:g} s"))

    def _blame(self, error: BaseException) -> None:
        try:
            self._app.host.blame_error(self._owned.record, label(self._owned.item), error)
        except OllmError as strict:
            self._app.out.notify(Notice("plugin-failed", str(strict)))


class StatusBar:
    """The items of all plugins in one line.

    :param context: returns what items may tell about just now
    """

    def __init__(self, app: App, context: Callable[[], StatusContext]) -> None:
        self._context = context
        self._items = [Item(app, owned) for owned in app.hub.status_items()]

    @property
    def text(self) -> str:
        """What the items say, those left out that have nothing to say."""
        return SEPARATOR.join(self.texts)

    @property
    def texts(self) -> list[str]:
        """What each item says that has something to say."""
        return [item.text for item in self._items if item.text]

    async def answered(self) -> None:
        """Wait until the items have answered that are asked, or for a moment."""
        for _ in range(20):
            await asyncio.sleep(MOMENT / 20)
            if not any(item.is_asked for item in self._items):
                return

    async def refresh(self, changed: Callable[[], None]) -> None:
        """Ask the items again and again, until cancelled.

        :param changed: called when the text has become another one
        """
        loop, shown = asyncio.get_running_loop(), self.text

        def answered() -> None:
            nonlocal shown
            if self.text != shown:
                shown = self.text
                changed()

        while self._items:
            context = self._context()
            for item in self._items:
                item.ask(context, loop, answered)
            answered()
            await asyncio.sleep(EVERY)


def fitting(items: Sequence[str], width: int) -> str:
    """Return what of the items has room in so many columns.

    First goes what stands in brackets, which only explains; then each item that has no room, for which "…" stands. What
    is left has its brackets again, as far as there is room.
    """
    kept = list(items)
    if _is_too_wide(kept, width):
        kept = []
        bare = {_BRACKETS.sub("", item): item for item in items}
        more = [LEFT_OUT] if _is_too_wide([*bare], width) else []
        for item in bare:
            if not kept or not _is_too_wide([*kept, item, *more], width):
                kept.append(item)
        for at, item in enumerate(kept):
            whole = [*kept[:at], bare[item], *kept[at + 1 :]]
            kept = kept if _is_too_wide([*whole, *more], width) else whole
        kept += more
    return fitted(SEPARATOR.join(kept), width)


def _is_too_wide(items: Sequence[str], width: int) -> bool:
    return cells(SEPARATOR.join(items)) > width
