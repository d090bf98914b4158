"""One of its hooks has a wrong name; the other one works."""

from ollm.api import Command, Specs, hookimpl


def hello(ctx):
    pass


class Plugin(Specs):
    @hookimpl
    def ollm_tool(self, ctx):
        return []

    @hookimpl
    def ollm_commands(self, ctx):
        return [Command("spelled", "Still here.", lambda: print("still here"))]
