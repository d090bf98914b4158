"""What does a model say when it calls one of the file tools?"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

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
