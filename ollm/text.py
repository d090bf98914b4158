"""What may reach a terminal?

What a model, a tool, a server or a plugin's metadata says is untrusted: a control sequence in it could
write the clipboard, change the title or hide text. `visible` shows such characters instead of obeying them.
"""

from __future__ import annotations

import re

_BIDI = (0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069)
"""Embeddings, overrides and isolates of the Unicode Bidirectional Algorithm (UAX #9): they reorder text."""

_TABLE = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_TABLE[0x7F] = "\u2421"
_TABLE.update({code: f"\\x{code:02x}" for code in range(0x80, 0xA0)})
_TABLE.update({code: f"\\u{code:04x}" for code in (*_BIDI, 0x2028, 0x2029)})

_ABOVE_SPACE = "\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_UNSAFE_IN_JSON = re.compile(f"[{_ABOVE_SPACE}]")
_UNSAFE = re.compile(f"[\x00-\x08\x0b-\x1f{_ABOVE_SPACE}]")

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


def without_credentials(text: str) -> str:
    """Return text with the user and password of each URL in it replaced by "…"."""
    return _CREDENTIALS.sub(lambda match: "//…@" if match[0].startswith("//") else "…@", text)
