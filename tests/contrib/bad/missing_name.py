"""It imports what this ollm does not have."""

from ollm.api import HologramPart, Specs


class Plugin(Specs):
    parts = HologramPart
