"""What does a user see of a pull?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ollm.api import Notice, Progress, Step, Waiting, replace, same_model
from ollm_plugins.models.wording import human, lasting

if TYPE_CHECKING:
    from ollm.api import Output

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{12})[0-9a-f]*")
"""A digest, of which the first 12 digits tell one layer from another; Ollama itself shows no more."""
_PRECISE = 10
"""Seconds below which a tenth of a second matters."""


class PullView:
    """Shows one pull: a bar for the whole and one for the layer under way; in a pipe, lines about the whole.

    :param show: of `Output.progress`
    """

    def __init__(self, out: Output, name: str, show: Callable[[Progress | Step], None]) -> None:
        self._out, self._name, self._show = out, name, show
        self._bars = out.draws_aside
        self._layer: Progress | None = None
        self._stage = ""
        self._silent = 0.0
        self.whole = Progress(name, 0)

    def take(self, event: Progress | Step | Waiting | Notice) -> None:
        """Show what came."""
        if isinstance(event, Notice):
            self._out.notify(event)
        elif isinstance(event, Step):
            self._stage = event.text
            self._say(event.text)
        elif isinstance(event, Waiting):
            self._wait(event.seconds)
        elif same_model(event.label, self._name):
            self._advance(event)
        elif event.unit != "bytes":  # work that is no part of the sum, such as unpacking
            self._show(event)
        else:
            self._layer = replace(event, label=_short(event.label))

    def _wait(self, seconds: float) -> None:
        """Say for how long nothing has come: in the middle of a layer that is a registry's fault, else it is work."""
        if not self._bars and seconds < 2 * self._silent:
            return  # each line stays, so they come ever more rarely
        self._silent = seconds
        time = f"{seconds:.0f} s"
        self._say(f"{self._stage} ({time})" if self._stage else f"no progress for {time}; the server is retrying")

    def _advance(self, whole: Progress) -> None:
        """Move the bar of the whole, then that of the layer, so that the whole stands above."""
        self._stage, self._silent = "", 0.0
        self.whole = replace(whole, label=self._name)
        if self._bars or whole.done > whole.resumed or whole.done == whole.total:  # else a line would claim too much:
            self._show(self.whole)  # whether the first part was there before shows when more has come
        if self._bars:
            if self._layer is not None:
                self._show(self._layer)
            self._layer = None
            self._say("")

    def _say(self, words: str) -> None:
        """Say which stage the pull is in; without bars, in a line each time that it is another one."""
        if not self._bars:
            self._show(Step(f"{self._name}: {words}"))
            return
        whole = self.whole
        resumed = f"resumed at {human(whole.resumed)}" if 0 < whole.resumed < whole.done else ""
        self._show(Step(" · ".join(filter(None, (resumed, words)))))

    def ended(self, seconds: float) -> str:
        """Say what has come, and how fast.

        :param seconds: wall time of the pull
        """
        whole = self.whole
        fresh = whole.done - whole.resumed
        if not whole.done:
            return f"{self._name} pulled"
        if not fresh:
            return f"{self._name} is there already: {human(whole.done)}, nothing was fetched"
        earlier = f", {human(whole.resumed)} of it before," if whole.resumed else ""
        time = f"{seconds:.1f} s" if seconds < _PRECISE else f"{seconds:.0f} s" if seconds < 60 else lasting(seconds)  # noqa: PLR2004
        rate = f" ({human(round(fresh / seconds))}/s)" if seconds > 0 else ""
        return f"{self._name} pulled: {human(whole.done)}{earlier} in {time}{rate}"

    def broken_off(self) -> str:
        """Say how far a pull had come that the user has stopped, and how it goes on."""
        whole = self.whole
        far = f" at {human(whole.done)}" if whole.done else ""
        if whole.done and whole.total:
            far += f" of {human(whole.total)}"
        return f"The pull of {self._name} was stopped{far}. The server keeps what it has; pulling again resumes there."


def _short(label: str) -> str:
    """Name a layer by the beginning of its digest."""
    digest = _DIGEST.fullmatch(label)
    return f"layer {digest[1]}" if digest else label
