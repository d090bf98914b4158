"""How does the engine run in this process, without ever holding it up?

xllamacpp (llama.cpp) computes in a thread of ours; what it says is passed over to the event loop. A cancel
returns at once and the thread stops at the next token, or the next 64 tokens of a prompt.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ollm.api import Progress, ProviderError, Waiting
from ollm_plugins.local import native
from ollm_plugins.local.translate import Chunk, refusal

_CLOSE_SECONDS: Final = 10.0
_SLOW_SECONDS: Final = 0.5  # a load that takes longer shows how far it is
_READ: Final = 8 << 20


@dataclass(frozen=True)
class Load:
    """What is to be in memory.

    :param modified: when the file was last changed, in nanoseconds; a new file is loaded anew
    :param context: window, in tokens
    :param threads: 0 for one less than there are cores
    :param memory: that it takes, in bytes
    """

    name: str
    path: Path
    modified: int
    context: int
    threads: int
    memory: int


@dataclass(frozen=True)
class Loaded:
    """A model was loaded, in so many seconds."""

    seconds: float


Item = Chunk | Waiting | Progress | Loaded
Deliver = Callable[[Any], bool]
"""Passes an item (None: nothing) over to the event loop; returns whether to stop. Called in the engine's thread."""


@dataclass(frozen=True)
class _End:
    """A job is over."""

    error: BaseException | None


class _Channel:
    """Carries what a thread delivers over to the event loop that made the channel."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.stop = threading.Event()
        self._loop = asyncio.get_running_loop()

    def deliver(self, item: Any) -> bool:
        if item is not None and not self.stop.is_set():
            self.post(item)
        return self.stop.is_set()

    def post(self, item: Any) -> None:
        # Nothing may be raised here: the engine swallows exceptions of its callback and goes on.
        try:
            self._loop.call_soon_threadsafe(self.queue.put_nowait, item)
        except RuntimeError:  # the loop was closed without closing the generator
            self.stop.set()


class Engine:
    """At most one model in memory, and one answer at a time; usable from any event loop."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._workers: dict[threading.Thread, threading.Event] = {}
        self._server: Any = None
        self._key = ""
        self._folder: Path | None = None
        self.loaded: Load | None = None

    def chat(self, load: Load, body: Chunk) -> AsyncGenerator[Item, None]:
        """Answer with the model of `load`, loading it first if need be. Closing the iterator stops it.

        :raises ProviderError: the engine refuses the model or the request
        :raises ProviderUnreachable: the engine cannot be imported
        """

        def job(deliver: Deliver) -> None:
            if not self._ensure(load, deliver):
                return
            try:
                self._server.handle_chat_completions(dict(body), deliver)
            except (RuntimeError, ValueError, TypeError) as error:
                raise refusal(str(error)) from error

        return self._run(job)

    def prepare(self, load: Load) -> AsyncGenerator[Item, None]:
        """Load a model, and take the former one out of memory.

        :raises ProviderError: the engine refuses the model
        :raises ProviderUnreachable: the engine cannot be imported
        """
        return self._run(lambda deliver: self._ensure(load, deliver))

    async def count(self, load: Load, text: str) -> int:
        """Count the tokens of a text with the tokenizer of a model; waits for no answer under way.

        :raises ProviderError: the engine refuses the model or does not answer
        """
        if self.loaded is None or self.loaded.path != load.path:
            async with contextlib.aclosing(self.prepare(load)) as steps:
                async for _ in steps:
                    pass
        server, key = self._server, self._key  # `server` is held, so that nobody frees it meanwhile
        if server is None:
            raise ProviderError(f"{load.name} was taken out of memory while its tokens were counted", "Try again.")
        return await native.count_tokens(server.listening_address, key, text)

    def unload(self) -> None:
        """Take the model out of memory; waits for the answer under way."""
        with self._turn:
            self._unload()

    def close(self) -> None:
        """Stop what is under way and free everything. Blocks, a fraction of a second as a rule.

        Also runs at the interpreter's exit: a thread that came back from the engine into a dying
        interpreter would crash it (measured: a segmentation fault).
        """
        atexit.unregister(self.close)
        workers = dict(self._workers)
        for stop in workers.values():
            stop.set()
        for worker in workers:
            worker.join(_CLOSE_SECONDS)
        if self._turn.acquire(timeout=_CLOSE_SECONDS):
            try:
                self._unload()
            finally:
                self._turn.release()

    async def _run(self, job: Callable[[Deliver], object]) -> AsyncGenerator[Item, None]:
        """Run a job in a thread of its own and yield what it delivers."""
        channel = _Channel()
        worker = threading.Thread(target=self._work, args=(job, channel), name="ollm-local-engine", daemon=True)
        self._workers[worker] = channel.stop
        worker.start()
        try:
            while not isinstance(item := await channel.queue.get(), _End):
                yield item
            if item.error is not None:
                raise item.error
        finally:
            channel.stop.set()

    def _work(self, job: Callable[[Deliver], object], channel: _Channel) -> None:
        error: BaseException | None = None
        try:
            with self._my_turn(channel.stop) as mine:
                if mine:
                    job(channel.deliver)
        except BaseException as caught:  # noqa: BLE001  (raised again in the event loop's task)
            error = caught
        finally:
            self._workers.pop(threading.current_thread(), None)
        channel.post(_End(error))

    @contextlib.contextmanager
    def _my_turn(self, stop: threading.Event) -> Iterator[bool]:
        while not stop.is_set():
            if self._turn.acquire(timeout=0.1):
                try:
                    yield True
                finally:
                    self._turn.release()
                return
        yield False

    def _ensure(self, load: Load, deliver: Deliver) -> bool:
        """Have a model in memory; returns whether to go on. The caller has the turn."""
        if self._server is not None and self.loaded == load:
            return not deliver(None)
        started = time.monotonic()
        self._unload()
        if deliver(Waiting(load.name, 0.0)) or not _warm(load, deliver):
            return False
        self._start(load)
        return not deliver(Loaded(time.monotonic() - started))

    def _start(self, load: Load) -> None:
        self._key = secrets.token_hex(32)
        self._folder = native.socket_folder()
        host = str(self._folder / "s.sock") if self._folder else "127.0.0.1"
        try:
            self._server = native.start(load.path, load.context, load.threads, host, self._key)
        except RuntimeError as error:
            self._unload()
            problem = f"the local engine cannot load {load.name} with a context of {load.context} tokens"
            remedy = "Its architecture may be too new, or memory too small: try a smaller numCtx or model."
            raise ProviderError(problem, remedy) from error
        except BaseException:
            self._unload()
            raise
        self.loaded = load
        atexit.register(self.close)

    def _unload(self) -> None:
        self._server, self.loaded = None, None  # the last reference: the engine stops and frees its memory
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _warm(load: Load, deliver: Deliver) -> bool:
    """Read the file through once, so that it is in the system's cache; returns whether to go on.

    The engine holds Python's global lock while it loads: with a cold disk nothing else could run for many
    seconds, no cancel and no progress. Files too big for the cache are left to the engine.
    """
    total = load.path.stat().st_size
    if total > native.memory() // 2:
        return True
    started, done, buffer = time.monotonic(), 0, bytearray(_READ)
    with load.path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            done += count
            slow = time.monotonic() - started > _SLOW_SECONDS
            if deliver(Progress(f"loading {load.name}", done, total) if slow else None):
                return False
    return True
