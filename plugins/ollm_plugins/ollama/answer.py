"""What do the lines of an answer mean?

An answer of /api/chat is one JSON object a line, the last with `"done": true`. It may also end without that
line, in an error line, or in the middle of a line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ollm.api import (
    Event,
    Finished,
    Notice,
    ProviderError,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCalled,
    Usage,
)
from ollm_plugins.ollama.failures import not_ollama, one_line, server_error

_decode = msgspec.json.Decoder().decode

REPEATS = 30
"""Equal tokens in a row after which Ollama breaks an answer off."""


class Answer:
    """Turns the lines of one chat answer into events.

    :param where: the server's address, for error messages
    """

    def __init__(self, where: str) -> None:
        self.done = False
        self._where = where
        self._begun = False
        self._last = ""
        self._equal = 0

    def read(self, line: bytes) -> Sequence[Event]:
        """Return the events of one line; of the last line, `Finished` as well.

        :raises ProviderError: the line is an error, or nothing that Ollama sends
        """
        if self.done or not line.strip():
            return ()
        try:
            data = _decode(line)
            message = data.get("message")
            _ = message or data.get("error") or data["done"]  # one of them is in every line
            events = self._message_events(message) if message else []
        except (msgspec.DecodeError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise not_ollama(self._where, f"sent a line that is not its JSON ({_excerpt(line)})") from error
        if "error" in data:
            raise server_error(one_line(data["error"]))
        self._begun = True
        if data.get("done"):
            self.done = True
            reason = "length" if data.get("done_reason") == "length" else "stop"
            events.append(Finished(reason, _usage(data)))  # type: ignore[arg-type]  # mypy widens the literal
        return events

    def end(self, rest: bytes, broken: str = "") -> Sequence[Event]:
        """Return the events for a stream that is over, the last of them `Finished`, none if it came before.

        :param rest: what came after the last line feed
        :param broken: why the connection ended; empty if it ended in order
        :raises ProviderError: nothing that Ollama sends has come
        """
        events: list[Event] = []
        try:
            events += self.read(rest)
        except ProviderError:
            if not (self._begun and rest.lstrip().startswith(b"{")):  # else: a line cut in its middle
                raise
        if self.done:
            return events
        return [*events, Notice("answer-cut", self._cut(broken)), Finished("cut")]

    def _message_events(self, message: Mapping[str, Any]) -> list[Event]:
        events: list[Event] = []
        if thought := message.get("thinking"):
            events.append(ThinkingDelta(_text(thought)))
        if text := message.get("content"):
            events.append(TextDelta(_text(text)))
            self._equal = self._equal + 1 if text == self._last else 1
            self._last = text
        if calls := message.get("tool_calls"):
            events += [ToolCalled(_tool_call(call)) for call in calls]
        return events

    def _cut(self, broken: str) -> str:
        if broken:
            return f"The answer is cut: the connection to Ollama at {self._where} ended ({broken})."
        if self._equal > REPEATS:
            return f"The answer is cut: Ollama broke it off since the model repeated itself {self._equal} times."
        return "The answer is cut: Ollama ended it without saying that it was done."


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    """Read a tool call; older servers send no id, and imitations of Ollama write arguments as a string."""
    function = call["function"]
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = _decode(arguments)
    return ToolCall(call.get("id") or f"call_{os.urandom(6).hex()}", _text(function["name"]), dict(arguments))


def _usage(data: Mapping[str, Any]) -> Usage:
    def seconds(name: str) -> float | None:
        value = data.get(name)
        return value / 1e9 if isinstance(value, int | float) else None

    return Usage(
        prompt_tokens=data.get("prompt_eval_count"),
        completion_tokens=data.get("eval_count"),
        load_seconds=seconds("load_duration"),
        prompt_seconds=seconds("prompt_eval_duration"),
        completion_seconds=seconds("eval_duration"),
        total_seconds=seconds("total_duration"),
    )


def _excerpt(line: bytes) -> str:
    return one_line(line[:60].decode("utf-8", "replace").replace("{", "(").replace("}", ")"))
