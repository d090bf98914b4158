"""Its class cannot be instantiated."""

from ollm.api import Specs


class Plugin(Specs):
    def __init__(self):
        raise RuntimeError("no instance today")
