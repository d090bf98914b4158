"""One of its hooks lacks @hookimpl."""

from ollm.api import Specs


class Plugin(Specs):
    def ollm_tools(self, ctx):
        return []
