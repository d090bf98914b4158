"""It was written for a later version of ollm."""

from ollm.api import Specs, hookimpl


class Plugin(Specs):
    requires_api = 99

    @hookimpl
    def ollm_commands(self, ctx):
        raise AssertionError("a plugin of the future was asked")
