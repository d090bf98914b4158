"""When is something tried again that has failed?"""

from __future__ import annotations

import time
from typing import Final

from msgspec import Struct

FIRST: Final = 5.0
"""Seconds of the first pause; each further one is twice as long."""

LONGEST: Final = 300.0
"""Seconds of the longest pause."""


class Retry(Struct):
    """Pauses that grow.

    :param again: `time.monotonic()` from which on it may be tried
    """

    pause: float = 0.0
    again: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it may be tried now."""
        return time.monotonic() >= self.again

    @property
    def has_failed(self) -> bool:
        """Whether it failed when it was tried last."""
        return self.pause > 0

    def failed(self) -> bool:
        """Note a failure; whether it is the first in a row."""
        first = not self.has_failed
        self.pause = FIRST if first else min(2 * self.pause, LONGEST)
        self.again = time.monotonic() + self.pause
        return first

    def worked(self) -> bool:
        """Note a success; whether it is the first after failures."""
        recovered = self.has_failed
        self.pause = self.again = 0.0
        return recovered
