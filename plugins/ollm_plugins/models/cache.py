"""How is what is remembered of a provider kept on disk, and shared with other processes?

A file for each server. It is read when another process has changed it, and written soon after something new is
known, beside other work. That it cannot be read or written stops nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ollm.api import ModelInfo, Notice, OllmError, file_lock, meant, set_aside, without_credentials, write_atomically
from ollm_plugins.models import memory
from ollm_plugins.models.memory import Memory, Showing

if TYPE_CHECKING:
    from pathlib import Path

SOON = 0.3
"""Seconds until what is new is written; by then a question that was asked of a model is on its way."""

_LOCK = 2.0
"""Seconds to wait for another process that writes."""

T = TypeVar("T")
Mark = tuple[int, int, int]


def cache_file(folder: Path, provider: str, where: str) -> Path:
    """Return the file of a server.

    :param where: the value of the setting that says where it is; the name tells nothing of it
    """
    place = hashlib.sha256(without_credentials(where).encode("utf-8", "replace")).hexdigest()[:12]
    return folder / "models" / f"{provider}-{place}.json"


class Cache:
    """What is remembered of one server.

    May be used from any thread and event loop.

    :param notify: told once of each thing that does not work
    """

    def __init__(self, path: Path, notify: Callable[[Notice], None]) -> None:
        self.path = path
        self._notify = notify
        self._memory = Memory()
        self._mark: Mark | None = None
        self._unsaved = False
        self._guard = threading.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._listed: tuple[Memory, tuple[ModelInfo, ...]] | None = None

    def read(self) -> Memory:
        """Return what is known now, by this process or another."""
        mark = self._marked()
        if mark is not None and mark != self._mark:
            self._mark = mark
            found = self._load()
            with self._guard:
                self._memory = memory.merged(found, self._memory, time.time())
        return self._memory

    def models(self) -> tuple[ModelInfo, ...]:
        """Return the models as they were listed last."""
        known = self.read()
        if self._listed is None or not _same_list(self._listed[0], known):
            self._listed = known, self._decoded(lambda: memory.models_of(known), ())
        return self._listed[1]

    def listed(self, name: str) -> ModelInfo | None:
        """Return the model that a name means among those that were listed last."""
        models = {model.name: model for model in self.models()}
        found = meant(name, models)
        return None if found is None else models[found]

    def shown(self, name: str) -> tuple[ModelInfo, float] | None:
        """Return what was said of the model that a name means, and when it was asked for."""
        shows = self.read().shows
        if name not in shows:
            listed = self.listed(name)
            name = listed.name if listed else meant(name, shows) or name
        show = shows.get(name)
        if show is None:
            return None
        info = self._decoded(lambda: memory.info_of(show), None)
        return None if info is None else (info, show.asked)

    def keep_list(self, models: tuple[ModelInfo, ...], asked: float, seconds: float) -> None:
        """Remember the models; what was said of one whose digest is another now does not hold any more.

        :param seconds: that the answer took
        """
        digests = {model.name: model.digest for model in models}
        shows = self.read().shows.items()
        outdated = {name: asked for name, show in shows if digests.get(name, show.digest) != show.digest}
        usual = self._usual(seconds)
        self._put(lambda: Memory(asked=asked, models=memory.encoded(models), seconds=usual, outdated=outdated))
        if self._memory.asked == asked and not self._memory.deleted.keys() & digests.keys():
            self._listed = self._memory, models  # so that it need not be decoded

    def keep_shown(self, info: ModelInfo, asked: float) -> None:
        """Remember what was said of one model."""
        self._put(lambda: Memory(shows={info.name: Showing(asked, info.digest, memory.encoded(info))}))

    def mark_changed(self, name: str) -> None:
        """Note that a model is new or another: the list, and what was said of that model, do not hold any more."""
        now, forms = time.time(), self._forms(name)
        self._put(lambda: Memory(changed=now, outdated=dict.fromkeys(forms, now)))

    def mark_deleted(self, name: str) -> None:
        """Forget a model; what is known of the others stays."""
        now, forms = time.time(), self._forms(name)
        self._put(lambda: Memory(deleted=dict.fromkeys(forms, now)))

    def save(self) -> None:
        """Write what is new, together with what other processes have written meanwhile."""
        with self._guard:
            mine, self._unsaved = self._memory, False
        try:
            with file_lock(self.path, timeout=_LOCK):
                found = self._load() if self.path.exists() else Memory()
                together = memory.merged(found, mine, time.time())
                write_atomically(self.path, msgspec.json.encode(together))
                mark = self._marked()
        except (OllmError, OSError) as error:
            self._notify(Notice("model-cache-not-written", f"What is known of models could not be kept: {error}"))
            return
        with self._guard:
            self._memory, self._mark = memory.merged(together, self._memory, time.time()), mark

    async def aclose(self) -> None:
        """Write what is not written yet."""
        if self._timer is not None:  # it may be due when the loop has no threads any more
            self._timer.cancel()
        if self._unsaved:
            await asyncio.to_thread(self.save)

    def _forms(self, name: str) -> set[str]:
        """Return the names under which something is remembered that a name means."""
        listed, shown = self.listed(name), meant(name, self.read().shows)
        return {name, *([listed.name] if listed else []), *([shown] if shown else [])}

    def _put(self, make: Callable[[], Memory]) -> None:
        """Remember something now and write it soon."""
        try:
            new = make()
        except ValueError as error:
            text = f"What provider '{self.path.stem.rpartition('-')[0]}' says of models cannot be kept: {error}."
            self._notify(Notice("model-cache-not-written", text))
            return
        self.read()
        with self._guard:
            self._memory, self._unsaved = memory.merged(self._memory, new, time.time()), True
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(SOON, lambda: loop.run_in_executor(None, self._save_if_needed))

    def _save_if_needed(self) -> None:
        if self._unsaved:
            self.save()

    def _usual(self, seconds: float) -> float:
        """Return how long an answer takes usually; a single slow one counts half."""
        usual = self._memory.seconds
        return (usual + seconds) / 2 if usual else seconds

    def _marked(self) -> Mark | None:
        """Return what tells one state of the file from another; None if there is no file that could be read."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _load(self) -> Memory:
        """Read the file; one that is no such file is set aside."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Memory)
        except OSError as error:
            reason = error.strerror or str(error)
            self._notify(Notice("model-cache-not-read", f"{self.path} could not be read ({reason}) and is ignored."))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._set_aside(error)
        return Memory()

    def _set_aside(self, error: Exception) -> None:
        so = "what providers said before is forgotten"
        set_aside(self.path, str(error), so, self._notify, "model-cache-not-read")

    def _decoded(self, decode: Callable[[], T], otherwise: T) -> T:
        try:
            return decode()
        except (msgspec.DecodeError, RecursionError) as error:
            self._set_aside(error)
            self._memory = Memory()
            return otherwise


def _same_list(one: Memory, other: Memory) -> bool:
    return one.models is other.models and one.asked == other.asked and one.deleted == other.deleted
