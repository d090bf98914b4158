"""What does the room `limits` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Knows what each model can do, and holds requests to it."""
