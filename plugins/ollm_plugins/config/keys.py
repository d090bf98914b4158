"""Which setting does a key name?

A key is words joined by dots. A word that holds a dot itself stands in quotes: models."llama3.1:8b".size.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from ollm.api import Field, Settings, UsageError, nearest, visible

Words = tuple[str, ...]

_WORD = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^."']+))(\.|$)""")


def parse(key: str) -> Words:
    """Return the words of a key.

    :raises UsageError: a quote is not closed, or there is nothing between two dots
    """
    words, position, dot = [], 0, "."
    while dot:
        found = _WORD.match(key, position)
        if found is None or not any(found.groups()[:3]):
            remedy = 'Join words by dots, and quote a word that holds one: models."llama3.1:8b".size.'
            raise UsageError(f"{visible(key)!r} is not the name of a setting", remedy)
        words.append(found[1] or found[2] or found[3])
        position, dot = found.end(), found[4]
    return tuple(words)


def join(path: Words) -> str:
    """Return a path as a key; the opposite of `parse`."""
    return ".".join(word if re.fullmatch(r"""[^."']+""", word) else f'"{word}"' for word in path)


def find(settings: Settings, path: Words) -> tuple[Field, Words]:
    """Return the setting that a path leads to, and the rest that leads into its value.

    :raises UsageError: there is none; the nearest is named
    """
    for length in range(len(path), 0, -1):
        field = settings.fields.get(".".join(path[:length])) if _is_simple(path[:length]) else None
        if field is not None and (length == len(path) or _holds_names(field.type)):
            return field, path[length:]
    raise unknown(settings, path)


def unknown(settings: Settings, path: Words) -> UsageError:
    """Return the error for a setting that does not exist."""
    key = visible(join(path))
    inside = [name for name in settings.fields if name.startswith(f"{key}.")]
    if inside:
        return UsageError(f"{key} is a section, not a setting", f"In it are: {', '.join(inside)}.")
    problem = f"There is no setting {key}{nearest(key, settings.fields)}"
    return UsageError(problem, "`ollm config show` lists all.")


def _is_simple(path: Words) -> bool:
    return not any("." in word for word in path)


def _holds_names(declared: Any) -> bool:
    """Whether a declared type is a mapping, whose entries can be named."""
    return any(each in (dict, Mapping) for each in _origins(declared))


def _origins(declared: Any) -> Iterator[Any]:
    yield get_origin(declared) or declared
    for each in get_args(declared):
        yield get_origin(each) or each
