"""With which context size is a model loaded ahead of its first chat?"""

from __future__ import annotations

from ollm.api import ContextWindows, HostContext, ModelKnowledge, ModelOptions
from ollm_plugins.limits.window import ANSWER, LEAST, window


def create(ctx: HostContext) -> ContextWindows:
    """Make the service."""
    return Windows(ctx)


class Windows:
    """Chooses as the adjuster does, for a conversation that has not begun."""

    def __init__(self, ctx: HostContext) -> None:
        self._services = ctx.services

    async def window_for(self, model: str, provider: str) -> int:
        """Return the context size, in tokens, that the first chat with a model will ask for.

        :raises SettingsError: an option's value is bad
        """
        options = self._services.find(ModelOptions)
        wanted = options.options_for(model, provider).context_size if options else None
        knowledge = self._services.find(ModelKnowledge)
        if knowledge is None:
            return wanted or LEAST
        limits = await knowledge.limits_of(model, provider)
        if wanted is None:
            return window(ANSWER, limits.context_window, None)
        return min(wanted, limits.context_window) if limits.known else wanted
