"""How is what was learned kept in memory and on disk, without holding up a turn?"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from ollm.api import Notice, OllmError
from ollm_plugins.tokens.fit import Observation
from ollm_plugins.tokens.store import MOST_OBSERVATIONS, Learned, Store, with_miss, with_observation

_RIGHT: Final = 0.02
"""Relative error of an estimate from which a model that is known well teaches nothing that is worth a fit and a write:
together a tenth of a short run."""


class Learning:
    """What is known of each model; changes are in memory at once and, if they tell anything, on disk a moment later.

    A thread writes them, since a disk may take its time to say that it has them. It lives only as long as there is
    something to write, and the process waits for it.
    """

    def __init__(self, home: Path) -> None:
        self._notices: list[Notice] = []
        self._store = Store(home, self._notices.append)
        self._new: dict[str, list[float]] = {}
        self._restarted: dict[str, float] = {}
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None
        self._has_failed = False

    @cached_property
    def _models(self) -> dict[str, Learned]:
        return self._store.read()

    def about(self, key: str) -> Learned | None:
        """Return what is known of a model; None before anything is."""
        return self._models.get(key)

    def add(self, key: str, model: str, seen: Observation, error: float) -> None:
        """Learn from one more prompt.

        :param error: of the estimate that was made without it, relative, without a sign
        """
        known = self._models.get(key) or Learned.nothing(model, self._restarted.get(key, 1.0))
        tells_nothing = known.turns >= MOST_OBSERVATIONS and error <= _RIGHT
        learned = with_miss(known, seen.at, error) if tells_nothing else with_observation(known, seen, error)
        with self._lock:
            self._models[key] = learned
            self._new.setdefault(key, []).append(seen.at)
            if self._writer is None and not tells_nothing:
                self._writer = threading.Thread(target=self._write, name="tokens-writer")
                self._writer.start()

    def restart(self, key: str, scale: float) -> None:
        """Forget a model, here and in the file: it has another tokenizer than was held true.

        :param scale: how many tokens it makes of one that was held true
        """
        with self._lock:
            known = self._models.pop(key, None)
            self._new.pop(key, None)
            self._restarted[key] = scale * (known.scale if known else 1.0)

    def notices(self) -> Iterator[Notice]:
        """Yield what the user must know of the file, each once."""
        while self._notices:
            yield self._notices.pop(0)

    @property
    def is_writing(self) -> bool:
        """Whether something is being written."""
        return self._writer is not None

    def settle(self) -> None:
        """Wait until all is written, or could not be."""
        writer = self._writer
        if writer is not None:
            writer.join()

    def _write(self) -> None:
        while True:
            with self._lock:
                new, self._new = self._new, {}
                restarted, self._restarted = self._restarted, {}
                if not new:
                    self._writer = None
                    return
                changed = {key: self._models[key] for key in new}
            try:
                written = self._store.write(changed, new, restarted)
            except OllmError as error:
                self._put_off(new, restarted, error)
                return
            with self._lock:
                self._models.update({key: learned for key, learned in written.items() if key not in self._new})

    def _put_off(self, new: Mapping[str, list[float]], restarted: Mapping[str, float], error: OllmError) -> None:
        """Keep what could not be written for the next time; that is said once."""
        with self._lock:
            self._new = {key: [*new.get(key, ()), *self._new.get(key, ())] for key in {*new, *self._new}}
            self._restarted = {**restarted, **self._restarted}
            self._writer = None
        if not self._has_failed:
            self._has_failed = True
            self._notices.append(
                Notice("tokens-not-written", f"What was learned about counting tokens is not kept: {error}")
            )
