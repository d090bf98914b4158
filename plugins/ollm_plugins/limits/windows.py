"""Which context does a request get, and with which is a model loaded ahead of its first chat?"""

from __future__ import annotations

from ollm.api import (
    ChatRequest,
    ContextWindow,
    ContextWindows,
    HostContext,
    ModelKnowledge,
    ModelOptions,
    TokenCount,
)
from ollm_plugins.limits.enforce import allocated_size
from ollm_plugins.limits.window import ANSWER, LEAST, needed_by, window


def create(ctx: HostContext) -> ContextWindows:
    """Make the service."""
    return Windows(ctx)


class Windows:
    """Chooses as the adjuster does, for a conversation that has not begun."""

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx
        self._services = ctx.services

    async def window_of(self, request: ChatRequest, provider: str, prompt: TokenCount) -> ContextWindow:
        """Return the room that a request will get, as the adjuster will choose it."""
        knowledge = self._services.find(ModelKnowledge)
        chosen = request.options.context_size
        if knowledge is None:
            return ContextWindow(chosen or LEAST, None, chosen is not None)
        limits = await knowledge.limits_of(request.model, provider)
        if chosen is not None:
            size = min(chosen, limits.context_window) if limits.known else chosen
            return ContextWindow(size, limits.context_window if limits.known else None, chosen=True)
        allocated = await allocated_size(request.model, provider, self._ctx)
        size = window(needed_by(request, prompt), limits.context_window, allocated)
        return ContextWindow(size, limits.context_window)

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
