"""Its front ends replace ollm's own, and cannot be imported or fail."""

from ollm.api import Frontend, Specs, hookimpl


class Plugin(Specs):
    @hookimpl
    def ollm_frontends(self, ctx):
        return [Frontend("missing", "once", "stranger_no_such_module:run")]
