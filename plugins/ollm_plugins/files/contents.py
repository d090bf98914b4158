"""What text do the bytes of a file hold, and how does a changed text become bytes again?"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import OllmError
from ollm_plugins.files.places import shown

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LOOKED_AT: Final = 8192
"""Bytes at the beginning in which a NUL says that a file is no text; git looks at 8,000."""


class Text(Struct, frozen=True):
    """A text and how it is written.

    :param text: with the line ends that it has in the file
    :param mark: byte order mark at the beginning
    """

    text: str
    encoding: str = "utf-8"
    mark: bytes = b""

    @property
    def newline(self) -> str:
        """The line end that most lines have."""
        return "\r\n" if self.text.count("\r\n") * 2 > self.text.count("\n") else "\n"

    def with_text(self, text: str, path: Path) -> bytes:
        """Return the bytes of another text, written in the same way.

        :raises OllmError: it holds what cannot be written
        """
        try:
            return self.mark + text.encode(self.encoding)
        except UnicodeEncodeError as error:
            problem = f"{shown(path)} was not written: the text holds half a character at position {error.start}"
            raise OllmError(problem) from error


def decoded(data: bytes, path: Path) -> Text:
    """Return the text of a file.

    :raises OllmError: it is no text, or in an encoding that is not known
    """
    mark, encoding = _marked(data)
    if encoding == "utf-8" and b"\0" in data[:LOOKED_AT]:
        raise OllmError(f"{shown(path)} is a binary file, not a text")
    try:
        return Text(data[len(mark) :].decode(encoding), encoding, mark)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, len(mark) + error.start) + 1
        problem = f"{shown(path)} is not {encoding.upper()}: byte 0x{error.object[error.start]:02x} in line {line}"
        raise OllmError(problem, "Convert it first, for example with `iconv -f latin1 -t utf-8`.") from error


def encoding_of(data: bytes) -> str:
    """Return how a text is encoded, as far as its byte order mark says it; else it is taken for UTF-8."""
    return _marked(data)[1]


def _marked(data: bytes) -> tuple[bytes, str]:
    if data.startswith(codecs.BOM_UTF32_LE):  # which begins like that of UTF-16; its NULs then say that it is no text
        return b"", "utf-8"
    return next((each for each in _MARKS if data.startswith(each[0])), (b"", "utf-8"))


def with_newline(text: str, newline: str) -> str:
    """Return a text whose lines end like this."""
    return text.replace("\r\n", "\n").replace("\n", newline)
