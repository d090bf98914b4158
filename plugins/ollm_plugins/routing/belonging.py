"""Which profile does a prompt belong to? For other rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollm.api import PromptClassifier
from ollm_plugins.routing.active import active
from ollm_plugins.routing.classify import classify
from ollm_plugins.routing.profiles import AUTO

if TYPE_CHECKING:
    from ollm.api import HostContext


class Belonging(PromptClassifier):
    """The service `PromptClassifier`."""

    def __init__(self, ctx: HostContext) -> None:
        self._settings = ctx.settings

    def profile_of(self, prompt: str) -> str:
        """Name the profile by which a prompt is routed; where routing is off, the one that suits it by itself."""
        in_force = active(self._settings)
        return in_force.profile if in_force.on and in_force.profile != AUTO else classify(prompt).profile
