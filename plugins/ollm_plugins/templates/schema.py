"""Is a JSON Schema one, by the words that all versions of JSON Schema have?

A server learns of a slip in it only when the prompt is sent, and each has other words for it, or none. What is not known
here is left to the server, since a schema may hold any word. Written by hand: a library for this would be one more
dependency of each installation, and msgspec does not say in which property a mistake is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ollm.api import nearest

TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
_ONE: Final = ("additionalProperties", "contains", "else", "if", "not", "propertyNames", "then")
_SOME: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_NAMED: Final = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_COUNTS: Final = ("maxItems", "maxLength", "maxProperties", "minItems", "minLength", "minProperties")
_NUMBERS: Final = ("maximum", "minimum", "multipleOf")
_TEXTS: Final = ("$ref", "description", "format", "pattern", "title")

Slip = tuple[tuple[str, ...], str]
"""The keys that lead to what is wrong, and what is wrong there."""


def slips(schema: Any, at: tuple[str, ...] = ()) -> Iterator[Slip]:
    """Yield what is wrong with a schema."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        yield at, f"expected a schema, got {_shown(schema)}"
        return
    for word, value in schema.items():
        yield from _of_word(str(word), value, (*at, str(word)))


def _of_word(word: str, value: Any, at: tuple[str, ...]) -> Iterator[Slip]:
    if word == "type":
        yield from _of_type(value, at)
    elif word in _ONE or (word == "items" and not isinstance(value, list)):
        yield from slips(value, at)
    elif word in (*_SOME, "items"):
        parts = enumerate(value) if isinstance(value, list) else ()
        yield from (slip for number, each in parts for slip in slips(each, (*at, str(number))))
    elif word in _NAMED and isinstance(value, Mapping):
        yield from (slip for name, each in value.items() for slip in slips(each, (*at, str(name))))
    wanted = _wanted(word, value)
    if wanted:
        yield at, f"expected {wanted}, got {_shown(value)}"


def _of_type(value: Any, at: tuple[str, ...]) -> Iterator[Slip]:
    for each in value if isinstance(value, list) and value else [value]:
        if each is None:
            yield at, "null stands in quotes here: 'null'"
        elif each not in TYPES:
            yield at, f"there is no type {_shown(each)}{nearest(each, TYPES) if isinstance(each, str) else ''}"


def _wanted(word: str, value: Any) -> str:
    """Say what a word takes if it is not this; nothing if it is, or nobody knows."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_count = is_number and value >= 0 and float(value).is_integer()
    forms = (
        (_SOME, "a list of schemas", isinstance(value, list) and bool(value)),
        (_NAMED, "names with schemas", isinstance(value, Mapping)),
        (("enum",), "a list", isinstance(value, list)),
        (("required",), "a list of names", isinstance(value, list) and all(isinstance(each, str) for each in value)),
        (_COUNTS, "a whole number from 0 on", is_count),
        (_NUMBERS, "a number", is_number),
        (_TEXTS, "text", isinstance(value, str)),
    )
    return next((form for words, form, fits in forms if word in words and not fits), "")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:39]}…"  # noqa: PLR2004  (a part of a line)
