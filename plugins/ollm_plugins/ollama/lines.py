"""How is an answer of many lines cut into lines, and who makes something of them?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

E_co = TypeVar("E_co", covariant=True)

LINE_LIMIT = 64 * 1024 * 1024
"""Bytes of a line, or of an answer in one piece, above which the server is not believed."""


class LineReader(Protocol[E_co]):
    """Makes events of the lines of one answer."""

    @property
    def done(self) -> bool:
        """Whether the line that says so has come; none that follows means anything."""
        ...

    def read(self, line: bytes) -> Sequence[E_co]:
        """Return the events of one line.

        :raises OllmError: the line is an error, or nothing that Ollama sends
        """
        ...

    def end(self, rest: bytes, broken: str = "") -> Sequence[E_co]:
        """Return the events for an answer that is over although it was not `done`.

        :param rest: what came after the last line feed
        :param broken: why the connection ended; empty if it ended in order
        :raises OllmError: nothing can be made of it
        """
        ...


class Lines:
    """Cuts a stream of bytes, in whatever pieces it comes, into lines; each byte is looked at once."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that a chunk completes.

        :raises OverflowError: a line is longer than the limit
        """
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if lines and self._parts:
            lines[0] = self.rest() + lines[0]
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
            if self._size > self._limit:
                raise OverflowError(self._size)
        return lines

    def rest(self) -> bytes:
        """Return, and forget, what came after the last line feed."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return rest
