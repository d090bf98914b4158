"""Which providers could be meant by what is being typed?"""

from __future__ import annotations

from ollm.api import CompletionContext, ProviderAccess


def providers(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the providers, each with what it is."""
    access = context.host.services.find(ProviderAccess)
    entries = [owned.item for owned in access.entries()] if access is not None else []
    return [(each.name, each.summary) for each in entries if each.name.startswith(context.typed)]
