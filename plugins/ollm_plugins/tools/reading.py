"""How is an answer read that a schema has made JSON?

The answer proper is shown as it comes: the string under "answer" is unescaped piece by piece. A call is read when it
is whole.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from typing import Any, Final

from ollm.api import Event, Notice, TextDelta, ToolCall, ToolCalled

_ANSWER: Final = re.compile(r'\s*\{\s*"answer"\s*:\s*"')
_OPENING: Final = 100
"""Characters after which what is no answer yet is taken for a call; a grammar puts little space between its words."""
_HIGH, _LOW = "[dD][89abAB][0-9a-fA-F]{2}", "[dD][c-fC-F][0-9a-fA-F]{2}"
_WHOLE: Final = re.compile(
    rf'(?:[^"\\]|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{{4}}|\\u{_HIGH}\\u{_LOW}|\\u{_HIGH}(?=[^\\]|\\[^u]))*'
)
"""Characters of a JSON string up to the first that is not whole yet; two escapes may make one character."""


class Reading:
    """An answer under way."""

    def __init__(self) -> None:
        self._text = ""
        self._more: list[str] = []
        self._rest = ""
        self._form = "open"

    def take(self, text: str) -> str:
        """Take a piece of JSON and return what of the answer can be shown by now."""
        if self._form == "answer":
            return self._shown(text)
        if self._form == "plain":
            return text
        if self._form == "open":
            return self._begun(text)
        self._more.append(text)
        return ""

    def _begun(self, text: str) -> str:
        """Take a piece of the beginning, until it says what follows."""
        self._text += text
        if found := _ANSWER.match(self._text):
            self._form = "answer"
            return self._shown(self._text[found.end() :])
        begun = self._text.lstrip()
        if begun and not begun.startswith("{"):
            self._form = "plain"
            return self._text
        if len(begun) > _OPENING:
            self._form = "call"
        return ""

    def _shown(self, text: str) -> str:
        rest = self._rest + text
        whole = _WHOLE.match(rest)
        end = whole.end() if whole else 0
        self._rest = rest[end:]
        if self._rest.startswith('"'):
            self._form = "over"
        return _plain(rest[:end])

    def end(self, reason: str) -> Iterator[Event]:
        """Yield what is left to say when the answer is over.

        :param reason: how it ended
        """
        if self._form == "answer":
            yield from [TextDelta(self._rest)] if self._rest else []
        elif self._form == "plain":
            yield Notice("tool-fallback-form", "The model did not keep to the form of a call or an answer.")
        elif self._form in ("open", "call") and self._text.strip():
            yield from self._read("".join((self._text, *self._more)), reason)

    def _read(self, text: str, reason: str) -> Iterator[Event]:
        """Yield the call that a text is, or the text as it came."""
        found = _loaded(text)
        if isinstance(name := found.get("tool"), str) and isinstance(arguments := found.get("arguments"), dict):
            yield ToolCalled(ToolCall(f"call_{os.urandom(6).hex()}", name, arguments))
        elif isinstance(answer := found.get("answer"), str):
            yield TextDelta(_sound(answer))
        else:
            yield TextDelta(text)
            cut = " was cut short at the token limit" if reason == "length" else " is neither a call nor an answer"
            yield Notice(
                "tool-fallback-form", f"What the model wrote{cut}, so nothing was run; it is shown as it came."
            )


def _loaded(text: str) -> dict[str, Any]:
    """Return the object that a text is; an empty one if it is none."""
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(escaped: str) -> str:
    return _sound(json.loads(f'"{escaped}"', strict=False)) if "\\" in escaped else escaped


def _sound(text: str) -> str:
    """Replace halves of surrogate pairs, which no UTF-8 can say."""
    return text.encode("utf-8", "replace").decode()
