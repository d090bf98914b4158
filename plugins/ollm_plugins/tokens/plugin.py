"""What does the room `tokens` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Counts tokens, and learns from each turn."""
