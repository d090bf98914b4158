"""Which routing profiles could be meant by what is being typed?"""

from __future__ import annotations

from ollm.api import CompletionContext
from ollm_plugins.routing.profiles import AUTO, profiles


def routing_profiles(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the profiles, each with what it is for."""
    known = [(name, profile.description) for name, profile in profiles(context.host).items()]
    return [pair for pair in (*known, (AUTO, "by what is asked")) if pair[0].startswith(context.typed)]
