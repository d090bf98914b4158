"""Which settings, and which of their values, could be meant by what is being typed?"""

from __future__ import annotations

from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from ollm.api import CompletionContext, Field, ProviderAccess, Settings, UsageError, camel, path_of

OPTIONS: Final = "options"
"""The section whose settings `/set` also takes without it, in any spelling."""

PROVIDER: Final = "model.provider"


def settings(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the keys of settings, each with its help; with the names that the user has given for a `*`."""
    known = context.host.settings
    if not isinstance(known, Settings):
        return []
    keys = [(field.key, field.setting.help) for field in known.all_fields()]
    return [pair for pair in keys if pair[0].startswith(context.typed)]


def values(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the values that the setting named just before takes, where they can be counted."""
    known = context.host.settings
    field = _named(known, context.words[-1]) if isinstance(known, Settings) and context.words else None
    if field is None:
        return []
    words = _providers(context) if field.key == PROVIDER else [(word, "") for word in _words(field.type)]
    return [pair for pair in words if pair[0].startswith(context.typed)]


def _named(known: Settings, word: str) -> Field | None:
    try:
        path = path_of(word)
    except UsageError:  # no key, such as a flag or half a name
        return None
    last = camel(path[-1].replace("-", "_"))
    return known.field_at(path) or (known.field_at((OPTIONS, last)) if path[:-1] in ((), (OPTIONS,)) else None)


def _words(declared: Any) -> list[str]:
    """Return the words of a declared type that has some, in their order."""
    if declared is bool:
        return ["true", "false"]
    if get_origin(declared) is Literal:
        return [str(each) for each in get_args(declared)]
    if get_origin(declared) in (Union, UnionType):
        return list(dict.fromkeys(word for each in get_args(declared) for word in _words(each)))
    return []


def _providers(context: CompletionContext) -> list[tuple[str, str]]:
    access = context.host.services.find(ProviderAccess)
    return [(owned.item.name, owned.item.summary) for owned in access.entries()] if access is not None else []
