"""What does the room `oneshot` hand in?"""

from __future__ import annotations

from ollm.api import Frontend, HostContext, Specs, hookimpl


class Plugin(Specs):
    """`ollm -p TEXT`."""

    @hookimpl
    def ollm_frontends(self, ctx: HostContext) -> list[Frontend]:
        """Hand in the front end for a single prompt."""
        return [Frontend("oneshot", "once", "ollm_plugins.oneshot.answer:answer")]
