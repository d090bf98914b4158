"""Which settings could be meant by what is being typed?"""

from __future__ import annotations

from ollm.api import CompletionContext, Settings


def settings(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the keys of settings, each with its help; with the names that the user has given for a `*`."""
    known = context.host.settings
    if not isinstance(known, Settings):
        return []
    keys = [(field.key, field.setting.help) for field in known.all_fields()]
    return [pair for pair in keys if pair[0].startswith(context.typed)]
