"""How is the terminal written without a call of the system for each token?

What is written while the event loop has more to do goes out together, before the loop waits for anything. So a fast
model costs less, what is drawn anew appears at once, and nothing is later than it was.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


class Writer:
    """Writes to a stream; whatever is not ours is made visible before."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._due: asyncio.Handle | None = None
        self._broken: OSError | None = None

    def write(self, text: str) -> None:
        """Write, soon.

        :raises OSError: the terminal is gone
        """
        if self._broken is not None:
            raise self._broken
        self._stream.write(text)
        if self._due is not None:
            return
        try:
            self._due = asyncio.get_running_loop().call_soon(self._go_out)
        except RuntimeError:  # nobody would do it later
            self._stream.flush()

    def flush(self) -> None:
        """Write now.

        :raises OSError: the terminal is gone
        """
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._stream.flush()

    def _go_out(self) -> None:
        self._due = None
        try:
            self._stream.flush()
        except OSError as error:  # who writes next is told: an event loop would only note it
            self._broken = error
