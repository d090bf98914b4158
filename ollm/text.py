"""What may reach a terminal?

What a model, a tool, a server or a plugin's metadata says is untrusted: a control sequence in it could
write the clipboard, change the title or hide text. `visible` shows such characters instead of obeying them.
"""

from __future__ import annotations

import os
import re
from typing import TextIO
from unicodedata import combining, east_asian_width

_BIDI = (0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069)
"""Embeddings, overrides and isolates of the Unicode Bidirectional Algorithm (UAX #9): they reorder text."""

_TABLE = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_TABLE[0x7F] = "\u2421"
_TABLE.update({code: f"\\x{code:02x}" for code in range(0x80, 0xA0)})
_TABLE.update({code: f"\\u{code:04x}" for code in (*_BIDI, 0x2028, 0x2029)})

_ABOVE_SPACE = "\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE_IN_JSON = re.compile(f"[{_ABOVE_SPACE}]")
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f{_ABOVE_SPACE}]")

_SHELL_COMMAND = re.compile(r"`ollm (?=[a-z])")
_TICKS = re.compile("`{3,}")

_CREDENTIALS = re.compile(r"//[^/\s'\"]*@|(?<![^\s'\"(=])[^/@:\s'\"(=]+:[^/@\s'\"]*@(?!sha256)")
"""User and password of an address, with or without a scheme; a digest such as `name:tag@sha256…` is none."""


def visible(text: str) -> str:
    """Return text with control characters, and characters that reorder text, made visible.

    Line feeds and tabs stay; a carriage return before a line feed is dropped.

    :param text: from a source that is not trusted
    """
    if not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub(lambda match: _TABLE.get(ord(match[0]), "\ufffd"), text.replace("\r\n", "\n"))


def escaped(document: str) -> str:
    """Return JSON text in which such characters are written as escapes, so that its value stays the same.

    :param document: made by a JSON encoder, which escapes those below U+0020 itself
    """
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def fenced(text: str, language: str = "") -> str:
    """Return a text as a block of code in Markdown, between fences that are longer than any in it."""
    fence = "`" * (max(map(len, _TICKS.findall(text)), default=2) + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}"


def without_credentials(text: str) -> str:
    """Return text with the user and password of each URL in it replaced by "…"."""
    return _CREDENTIALS.sub(lambda match: "//…@" if match[0].startswith("//") else "…@", text)


def between_words(text: str, stream: TextIO) -> str:
    """Return what is to be read with its rows broken between words, where it goes to a terminal.

    Texts with wide or combining characters are left to the terminal: to measure them takes a library that an answer
    does not wait for.
    """
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return text
    width = _columns(stream)
    if len(text) <= width or any(east_asian_width(each) in "WF" or combining(each) for each in text):
        return text
    import textwrap

    wrap = textwrap.TextWrapper(
        width, expand_tabs=False, replace_whitespace=False, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(row for line in text.split("\n") for row in (wrap.wrap(line) if len(line) > width else [line]))


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def as_typed_in_repl(text: str) -> str:
    """Return what ollm says with its commands as they are typed in the REPL: "`/model list`" for "`ollm model list`"."""
    return _SHELL_COMMAND.sub("`/", text)


def local_time(iso: str) -> str:
    """Return an ISO 8601 time as the user's clock shows it, to the minute; what is no such time as it stands."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):  # at the ends of the calendar the user's clock shows nothing
        return iso
