"""How are a tool call's arguments understood?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ollm.errors import UsageError

T = TypeVar("T")


def understood(arguments: Mapping[str, Any], kind: type[T]) -> T:
    """Return a model's arguments as an object of a type; for tools whose parameters are a JSON Schema.

    Small models write numbers as texts, and null for what they leave out; both are taken for what they mean.

    :param kind: what msgspec can convert to, usually a Struct
    :raises UsageError: they do not fit; it says where
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"The arguments do not fit: {error}") from error
    except UnicodeEncodeError as error:  # half a character, as JSON may hold, in a name or where a number is wanted
        raise UsageError("The arguments do not fit: they hold half a character") from error
