"""Which setting does a key name?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from ollm.api import Field, Settings, UsageError, key_of, nearest, visible

Words = tuple[str, ...]


def find(settings: Settings, path: Words) -> tuple[Field, Words]:
    """Return the setting that a path leads to, and the rest that leads into its value.

    :raises UsageError: there is none; the nearest is named
    """
    for length in range(len(path), 0, -1):
        field = settings.field_at(path[:length])
        if field is not None and (length == len(path) or _holds_names(field.type)):
            return field, path[length:]
    raise unknown(settings, path)


def leads_to(above: Words, path: Words) -> bool:
    """Whether settings may stand below a path, or at it; in the path of a setting, `*` is any name."""
    return len(above) <= len(path) and all(theirs in ("*", mine) for mine, theirs in zip(above, path, strict=False))


def unknown(settings: Settings, path: Words) -> UsageError:
    """Return the error for a setting that does not exist."""
    key = visible(key_of(path))
    inside = [name for name in settings.fields if name.startswith(f"{key}.")]
    if inside:
        return UsageError(f"{key} is a section, not a setting", f"In it are: {', '.join(inside)}.")
    problem = f"There is no setting {key}{nearest(key, settings.fields)}"
    return UsageError(problem, "`ollm config show` lists all.")


def _holds_names(declared: Any) -> bool:
    """Whether a declared type is a mapping, whose entries can be named."""
    return any(each in (dict, Mapping) for each in _origins(declared))


def _origins(declared: Any) -> Iterator[Any]:
    yield get_origin(declared) or declared
    for each in get_args(declared):
        yield get_origin(each) or each
