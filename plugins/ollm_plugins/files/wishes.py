"""What does a model say when it calls one of the file tools?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from ollm.api import UsageError

T = TypeVar("T")

LINES: Final = 200
"""Lines that are read when a model does not say how many: about 3,000 tokens, which fit into a small context."""


class Read(Struct, frozen=True):
    """Lines of a file.

    :param offset: the first line, from 1
    """

    path: str
    offset: int = 1
    limit: int = LINES


class Write(Struct, frozen=True):
    """A file's whole new content."""

    path: str
    content: str


class Edit(Struct, frozen=True):
    """A part of a file, and what is to stand in its place."""

    path: str
    old: str
    new: str
    all: bool = False


class Glob(Struct, frozen=True):
    """Files whose names are wanted."""

    pattern: str
    path: str = "."


class Grep(Struct, frozen=True, rename="camel"):
    """Lines that are wanted.

    :param glob: only in files like this; empty for all
    """

    pattern: str
    path: str = "."
    glob: str = ""
    ignore_case: bool = False


def understood(arguments: Mapping[str, Any], kind: type[T]) -> T:
    """Return a model's arguments in their type. Small models write numbers as texts, and null for what they leave out.

    :raises UsageError: they do not fit
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"The arguments do not fit: {error}") from error
