"""What does the room `compare` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Is being built."""
