"""Which memories could be meant by what is being typed?"""

from __future__ import annotations

from ollm.api import CompletionContext, MemoryService, OllmError


def keys(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the keys that hold here, each with the beginning of what is remembered."""
    service = context.host.services.find(MemoryService)
    if service is None:
        return []
    try:
        entries = service.list_all()
    except OllmError:  # the file cannot be read, which the command itself will say
        return []
    return [(each.key, " ".join(each.value.split())[:60]) for each in entries if each.key.startswith(context.typed)]
