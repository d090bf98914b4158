"""What does the room `routing` hand in?"""

from __future__ import annotations

from ollm.api import Specs


class Plugin(Specs):
    """Chooses the model that suits a turn, and explains why."""
