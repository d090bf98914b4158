"""What does the room `keepalive` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Keeps models in memory that are used often."""
