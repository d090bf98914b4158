"""How is what was learned kept in memory and on disk, without holding up a turn?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ollm.api import Notice, OllmError
from ollm_plugins.tokens.fit import Observation
from ollm_plugins.tokens.store import Learned, Store, with_observation


class Learning:
    """What is known of each model; changes are in memory at once and on disk a moment later.

    A thread writes them, since a disk may take its time to say that it has them. It lives only as long as there is
    something to write, and the process waits for it.
    """

    def __init__(self, home: Path) -> None:
        self._notices: list[Notice] = []
        self._store = Store(home, self._notices.append)
        self._new: dict[str, list[float]] = {}
        self._forgotten: set[str] = set()
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

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
        learned = with_observation(self._models.get(key) or Learned.nothing(model), seen, error)
        with self._lock:
            self._models[key] = learned
            self._new.setdefault(key, []).append(seen.at)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="tokens-writer")
                self._writer.start()

    def forget(self, key: str) -> None:
        """Forget a model, here and in the file."""
        with self._lock:
            self._models.pop(key, None)
            self._new.pop(key, None)
            self._forgotten.add(key)

    def notices(self) -> Iterator[Notice]:
        """Yield what the user must know of the file, each once."""
        while self._notices:
            yield self._notices.pop(0)

    def settle(self) -> None:
        """Wait until all is written, or could not be."""
        writer = self._writer
        if writer is not None:
            writer.join()

    def _write(self) -> None:
        while True:
            with self._lock:
                new, self._new = self._new, {}
                forgotten, self._forgotten = self._forgotten, set()
                if not new:
                    self._writer = None
                    return
                changed = {key: self._models[key] for key in new}
            try:
                written = self._store.write(changed, new, forgotten)
            except OllmError as error:
                text = f"What was learned about counting tokens is not kept: {error}"
                self._notices.append(Notice("tokens-not-written", text))
                continue
            with self._lock:
                self._models.update({key: models for key, models in written.items() if key not in self._new})
