"""Is an answer a tool call that was not made?

A server finds a call in what a model writes by the form that the model's template has for it. A call that is cut
short, names an unknown tool or has another form is passed on as text (Ollama 0.32.15: the recordings
`chat_tool_calls_cut`, `_unknown_function` and `_two`). Whoever reads that must know that nothing was run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ollm.api import Notice, visible

_STARTS: Final = ("{", "[", "<tool_call>", "<|python_tag|>", "```")
_WRAPPING: Final = re.compile(r"\A\s*(?:<tool_call>|<\|python_tag\|>|\[TOOL_CALLS\]|```(?:json)?)?\s*")
_NAMED: Final = re.compile(r'"name"\s*:\s*"([^"\\]{1,100})"')
_ARGUMENTS: Final = ("arguments", "parameters")
_MOST: Final = 20_000
"""Characters of an answer that are looked at."""


class Opening:
    """Keeps the text of an answer for as long as it may be a call.

    :param offered: the tools that the model may call
    """

    def __init__(self, offered: Sequence[str]) -> None:
        self._offered = offered
        self._text = ""
        self._open = True

    def take(self, text: str) -> None:
        """Add a piece of the answer."""
        if not self._open:
            return
        self._text += text
        begun = self._text.lstrip()
        self._open = len(begun) < _MOST and (not begun or any(_agree(begun, start) for start in _STARTS))

    def verdict(self, reason: str) -> Notice | None:
        """Return what the user must know of an answer that is over."""
        if not self._open or not self._text.strip():
            return None
        name = called_in(self._text, self._offered)
        if name is None:
            return None
        said = " ".join(visible(name).split())  # on one line, so that it cannot pose as another notice
        if name not in self._offered:
            text = f"The model wrote a call of '{said}', which is none of its tools, so nothing was run."
            return Notice("tool-call-as-text", text)
        if reason == "length":
            text = f"The model's call of {said} was cut short at the token limit, so nothing was run; raise it with"
            return Notice("tool-call-as-text", f"{text} --max-tokens.")
        return Notice("tool-call-as-text", f"The model wrote a call of {said} as text, so nothing was run.")


def called_in(text: str, offered: Sequence[str]) -> str | None:
    """Return the tool that a text would call; None when it is no call.

    What cannot be read to its end counts only if it names a tool that was offered.
    """
    rest = _WRAPPING.sub("", text, count=1)
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(rest)
    except (ValueError, RecursionError):
        named = _NAMED.search(rest[:1000])
        return named[1] if named and named[1] in offered else None
    return next(_names(found, offered), None)


def _names(found: Any, offered: Sequence[str]) -> Iterator[str]:
    """Yield the names in what looks like one call or several."""
    for each in found if isinstance(found, list) else [found]:
        call = each.get("function", each) if isinstance(each, dict) else None
        if not isinstance(call, dict) or not isinstance(name := call.get("name"), str):
            continue
        given = [key for key in _ARGUMENTS if isinstance(call.get(key), dict)]
        if given and (name in offered or len(call) == 1 + len(given)):
            yield name


def _agree(text: str, start: str) -> bool:
    """Whether a text begins with something, as far as it has come."""
    return text.startswith(start) or start.startswith(text)
