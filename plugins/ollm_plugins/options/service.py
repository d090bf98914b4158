"""Which options do other rooms learn of?"""

from __future__ import annotations

from ollm.api import GenerationOptions, HostContext
from ollm_plugins.options.adjust import given_options


class Options:
    """The options that the settings give to models."""

    def __init__(self, ctx: HostContext) -> None:
        self._settings = ctx.settings

    def options_for(self, model: str, provider: str) -> GenerationOptions:
        """Return the options that a request to a model gets.

        :raises SettingsError: a value is bad
        """
        return given_options(GenerationOptions(), self._settings, provider, model)
