"""What is kept of a command's output, however much there is, and how does a model get to read it?"""

from __future__ import annotations

import re
from typing import Final

HEAD: Final = 32 * 1024
TAIL: Final = 32 * 1024
"""Bytes that are kept of the beginning and of the end."""


class Capture:
    """The output of one command.

    :param head: bytes to keep of its beginning
    :param tail: bytes to keep of its end
    """

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self.size = 0
        self._limits = head, tail
        self._head = bytearray()
        self._tail = bytearray()

    def take(self, data: bytes) -> None:
        """Add what has come; no more than three times the limits is ever held."""
        head, tail = self._limits
        self.size += len(data)
        room = head - len(self._head)
        self._head += data[:room]
        self._tail += data[room:][-tail:]
        if len(self._tail) > 2 * tail:
            del self._tail[:-tail]

    def text(self) -> str:
        """Return it as a model is to read it; says in its middle how much was left out."""
        head, tail = bytes(self._head), bytes(self._tail[-self._limits[1] :])
        if len(head) + len(tail) == self.size:
            return plain((head + tail).decode("utf-8", "replace"))
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[tail.find(b"\n") + 1 :] or tail
        left_out = self.size - len(head) - len(tail)
        first, last = (plain(part.decode("utf-8", "replace")) for part in (head, tail))
        return f"{first.rstrip()}\n\n[… {left_out:,} bytes of output left out here …]\n\n{last}"


_SEQUENCE: Final = re.compile(
    "[\x1b][\\[][0-?]*[ -/]*[@-~]?"  # control sequences: colours, the cursor
    "|[\x1b][\\]PX^_][^\x07\x1b\x9c\n]*(?:\x07|\x1b\\\\|\x9c)?"  # strings: the title, the clipboard
    "|[\x1b][ -/]*[0-~]?"
    "|\x9b[0-?]*[ -/]*[@-~]?"
)
"""Escape sequences of ECMA-48, ended or not. click's and rich's own strippers know only those for colours."""

_DROPPED: Final = dict.fromkeys([*range(9), *range(11, 32), *range(0x7F, 0xA0)])


def plain(text: str) -> str:
    """Return output as somebody would have seen it: what was overwritten is gone, and so are escape sequences."""
    lines = _SEQUENCE.sub("", text).split("\n")
    return "\n".join(_overwritten(line).translate(_DROPPED) for line in lines)


def _overwritten(line: str) -> str:
    """Return what is left of a line in which a program went back to its beginning, or by a character."""
    last = line.rstrip("\r").rpartition("\r")[2]
    if "\b" not in last:
        return last
    seen: list[str] = []
    for each in last:
        if each != "\b":
            seen.append(each)
        elif seen:
            seen.pop()
    return "".join(seen)
