"""Which models did the user want in memory beyond the end of a program?

`ollm model keep NAME --for …` in a shell ends at once; what it promised stands in a file, so that a later answer by
the same model does not shorten its time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from ollm.api import file_lock, set_aside, write_atomically
from ollm_plugins.keepalive.durations import FOREVER

if TYPE_CHECKING:
    from pathlib import Path

    from ollm.api import HostContext

_FILE: Final = "kept-models.json"


class Promise(Struct, frozen=True):
    """A model that is to stay.

    :param until: seconds since 1970; None: for good
    """

    provider: str
    model: str
    until: float | None


class _Promises(Struct, frozen=True):
    promises: tuple[Promise, ...] = ()
    version: Literal[1] = 1


class Lasting:
    """The promises of all programs of this user."""

    def __init__(self, host: HostContext) -> None:
        self._path: Path = host.paths.home / _FILE
        self._notify = host.notify

    def left(self, provider: str, model: str) -> int:
        """Return for how many seconds a model was promised to stay: 0 if it was not, or `FOREVER`."""
        for promise in self._read():
            if (promise.provider, promise.model) == (provider, model):
                return FOREVER if promise.until is None else max(0, round(promise.until - time.time()))
        return 0

    def promise(self, provider: str, model: str, duration: int) -> None:
        """Promise that a model stays for so many seconds, or for good.

        :raises OllmError: the file cannot be written
        """
        until = None if duration == FOREVER else time.time() + duration
        self._change(provider, model, (Promise(provider, model, until),))

    def forget(self, provider: str, model: str) -> None:
        """Take a promise back.

        :raises OllmError: the file cannot be written
        """
        if self.left(provider, model):
            self._change(provider, model, ())

    def _change(self, provider: str, model: str, instead: tuple[Promise, ...]) -> None:
        with file_lock(self._path):
            now = time.time()
            others = [
                each
                for each in self._read()
                if (each.provider, each.model) != (provider, model) and (each.until is None or each.until > now)
            ]
            write_atomically(self._path, msgspec.json.encode(_Promises((*others, *instead))))

    def _read(self) -> tuple[Promise, ...]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Promises).promises
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            so = "which models are to stay is forgotten"
            set_aside(self._path, str(error), so, self._notify, "kept-models-unreadable")
            return ()
