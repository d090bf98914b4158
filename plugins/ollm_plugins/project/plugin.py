"""What does the room `project` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Suits settings to the project that one works in, if the user trusts it."""
