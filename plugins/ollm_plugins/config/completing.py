"""Which settings, and which of their values, could be meant by what is being typed?"""

from __future__ import annotations

import re
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from ollm.api import Completes, CompletionContext, Field, Settings, UsageError, camel, path_of
from ollm_plugins.config.keys import find

OPTIONS: Final = "options"
"""The section whose settings `/set` also takes without it, in any spelling."""

_LISTED: Final = re.compile(r"\^\(([\w|]+)\)\$")
"""A pattern that is nothing but a list of words."""


def settings(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the keys of settings, each with its help; with the names that the user has given for a `*`."""
    known = context.host.settings
    if not isinstance(known, Settings):
        return []
    keys = [(field.key, field.setting.help) for field in known.all_fields()]
    return [pair for pair in keys if pair[0].startswith(context.typed)]


def values(context: CompletionContext) -> list[tuple[str, str] | Completes]:
    """Return the values that the setting named just before takes: where they can be counted, or whose kind it says."""
    known = context.host.settings
    field = _named(known, context.words[-1]) if isinstance(known, Settings) and context.words else None
    if field is None:
        return []
    if field.setting.completes:
        return [Completes(field.setting.completes)]
    listed = _LISTED.fullmatch(field.setting.pattern)
    words = listed[1].split("|") if listed is not None else _words(field.type)
    return [(word, "") for word in words if word.startswith(context.typed)]


def _named(known: Settings, word: str) -> Field | None:
    try:
        path = path_of(word)
    except UsageError:  # no key, such as a flag or half a name
        return None
    option = (OPTIONS, camel(path[-1].replace("-", "_"))) if path[:-1] in ((), (OPTIONS,)) else path
    try:
        return find(known, path if known.field_at(option) is None else option)[0]
    except UsageError:  # there is none, which the command will say
        return None


def _words(declared: Any) -> list[str]:
    """Return the words of a declared type that has some, in their order."""
    if declared is bool:
        return ["true", "false"]
    if get_origin(declared) is Literal:
        return [str(each) for each in get_args(declared)]
    if get_origin(declared) in (Union, UnionType, tuple):
        return list(dict.fromkeys(word for each in get_args(declared) for word in _words(each)))
    return []
