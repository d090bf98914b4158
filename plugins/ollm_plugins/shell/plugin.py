"""What does the room `shell` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Is being built."""
