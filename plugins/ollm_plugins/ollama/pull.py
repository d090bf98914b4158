"""What do the lines of a pull mean?

An answer of /api/pull is one JSON object a line: stages, how far each layer is, and at last `success`. All else
is no success: not a layer that is complete, nor an answer that ends. Errors come as lines too, with status 200.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ollm.api import OllmError, Progress, ProviderError, Step
from ollm_plugins.ollama.failures import not_ollama, one_line
from ollm_plugins.ollama.pull_failures import pull_failure

_decode = msgspec.json.Decoder().decode
_DIGITS = 12
"""Of a digest, as many as Ollama itself shows."""

_TICKS = 4
"""Ollama says every 60 ms how far it is. What a layer's first line says as done is fresh if it is no more than so
many of the next steps (recorded: 0.8 to 1.2; with something left from before: 46 to 88)."""


class _Layer:
    """How far one layer is."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.done = self.total = 0
        self._first: int | None = None
        self._fresh: bool | None = None

    def update(self, done: int, total: int) -> None:
        """Take over what a line says."""
        self.done, self.total = min(done, total), total
        if self._first is None:
            self._first = self.done
            self._fresh = False if self.done == total else None
        elif self._fresh is None and self.done > self._first:
            self._fresh = self._first <= _TICKS * (self.done - self._first)

    @property
    def progress(self) -> Progress:
        """The layer as an event."""
        before = 0 if self._fresh or self._first is None else self._first
        return Progress(self.label, self.done, self.total, resumed=min(before, self.done))


class Pull:
    """Turns the lines of one pull into events.

    :param name: of the model
    :param where: the server's address, for error messages
    """

    def __init__(self, name: str, where: str) -> None:
        self.done = False
        self._name, self._where = name, where
        self._begun = False
        self._layers: dict[str, _Layer] = {}

    def read(self, line: bytes) -> Sequence[Progress | Step]:
        """Return the events of one line; `success` has none, but then all is `done`.

        :raises OllmError: the line is an error, or nothing that Ollama sends
        """
        if self.done or not line.strip():
            return ()
        try:
            data = _decode(line)
            if "error" in data:
                raise self.failure(one_line(data["error"]))
            return self._events(data)
        except (msgspec.DecodeError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            raise not_ollama(self._where, "sent a line that is not its JSON to a pull") from error

    def end(self, rest: bytes, broken: str = "") -> Sequence[Progress | Step]:
        """Return the events of a last line without a line feed, if it ends the pull.

        :raises OllmError: the pull ended without success
        """
        events = () if self._cut_in(rest) else self.read(rest)
        if self.done:
            return events
        lost = f"the connection to Ollama at {self._where} ended ({broken})"
        why = lost if broken else f"Ollama at {self._where} ended it without saying that it was done"
        problem = f"The pull of {one_line(self._name)} was cut: {why}"
        raise ProviderError(problem, "What has come is kept: pull again, and it goes on from there.")

    def failure(self, words: str) -> OllmError:
        """Return the error that the server's words mean."""
        return pull_failure(words, self._name, self._where)

    def _cut_in(self, rest: bytes) -> bool:
        """Whether a line was cut in its middle."""
        try:
            _decode(rest)
        except msgspec.DecodeError:
            return self._begun and rest.startswith(b"{")
        return False

    def _events(self, data: Any) -> Sequence[Progress | Step]:
        status = one_line(_text(data["status"]))
        self._begun = True
        if digest := data.get("digest"):
            return [self._layer(_text(digest), data)]
        if status == "success":
            self.done = True
            return []
        return [*self._complete(status), Step(status)]

    def _layer(self, digest: str, data: Any) -> Progress:
        label = one_line(digest.rpartition(":")[2][:_DIGITS])
        layer = self._layers.setdefault(digest, _Layer(label))
        layer.update(_count(data.get("completed", 0)), _count(data.get("total", 0)))
        return layer.progress

    def _complete(self, status: str) -> Sequence[Progress]:
        """Return the rest of each layer, of which Ollama does not tell: it verifies when all of them are there."""
        if not status.startswith("verifying"):
            return []
        short = [layer for layer in self._layers.values() if layer.done < layer.total]
        for layer in short:
            layer.update(layer.total, layer.total)
        return [layer.progress for layer in short]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(value)
    return value
