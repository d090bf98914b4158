"""One of its hooks wants what no hook gets."""

from ollm.api import Specs, hookimpl


class Plugin(Specs):
    @hookimpl
    def ollm_tools(self, ctx, model):
        return []
