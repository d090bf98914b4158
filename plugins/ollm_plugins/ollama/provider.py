"""What can the Ollama provider do?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from ollm.api import (
    ChatRequest,
    Event,
    Health,
    LoadedModel,
    LoadRequest,
    ModelInfo,
    ModelNotFound,
    OllmError,
    SettingsError,
    visible,
)
from ollm_plugins.ollama.address import parse_address, shown_address
from ollm_plugins.ollama.answer import Answer, Lines
from ollm_plugins.ollama.failures import not_ollama
from ollm_plugins.ollama.lean_httpx import httpx
from ollm_plugins.ollama.link import Link, reason
from ollm_plugins.ollama.models import canonical, listed, loaded, newest_first, same, shown
from ollm_plugins.ollama.settings import OllamaSettings
from ollm_plugins.ollama.wire import chat_body, load_body

if TYPE_CHECKING:
    from ollm.api import HostContext

_GET_ONE = "`ollama pull llama3.2` fetches one."
_LAST_BYTES = 0.2
"""Seconds to wait, after the last line, for the end of an answer that lets the connection be kept."""


def create(ctx: HostContext) -> OllamaProvider:
    """Make the provider from the settings.

    :raises SettingsError: the host setting is no address
    """
    settings = ctx.settings.section(OllamaSettings)
    try:
        address = parse_address(settings.host)
    except ValueError as error:
        key = "providers.ollama.host"
        problem = f"{key} {visible(shown_address(settings.host))!r} ({ctx.settings.origin(key)}): {visible(str(error))}"
        raise SettingsError((problem,), "Write it as http://HOST:PORT.") from error
    return OllamaProvider(Link(address, settings.connect_timeout, settings.read_timeout))


class OllamaProvider:
    """An Ollama server: a `Provider` that also `DefaultsModel` and `LoadsModels`."""

    name = "ollama"

    def __init__(self, link: Link) -> None:
        self._link = link
        self._where = link.address.url

    async def check(self) -> Health:
        """Reach the server and ask for its version.

        :raises ProviderUnreachable: nobody answers within the connect time-out
        :raises ProviderError: somebody answers, but not Ollama
        """
        answer = await self._link.ask("GET", "/api/version", read_timeout=self._link.connect_timeout)
        version = answer.get("version")
        if not isinstance(version, str):
            raise not_ollama(self._where, "answered /api/version without a version")
        return Health(self._where, visible(version))

    async def list_models(self) -> Sequence[ModelInfo]:
        """List the models on the server's disk, in its order (newest first)."""
        return [listed(entry) for entry in await self._entries("/api/tags")]

    async def show_model(self, name: str) -> ModelInfo:
        """Tell what the server knows of a model; size and digest are in `list_models` only.

        :raises ModelNotFound: no model of that name, and the remedy names those that are near
        """
        async with self._suggesting(name):
            return shown(name, await self._link.ask("POST", "/api/show", {"model": name}))

    async def default_model(self) -> str:
        """Name a model that is in memory, else the one that was changed last; it can chat, in any case.

        :raises ModelNotFound: there is none
        """
        in_memory = await self.loaded_models()
        on_disk = newest_first(await self.list_models())
        ready = [model for entry in in_memory for model in on_disk if same(model.name, entry.name)]
        for model in [*ready, *on_disk]:
            if await self._chats(model):
                return model.name
        problem = f"Ollama at {self._where} has no model that can chat"
        raise ModelNotFound(problem, _GET_ONE)

    def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        """Answer; the server's silence before the first event can last as long as it loads the model.

        :raises ProviderUnreachable: the connection could not be made, or ended before anything came
        :raises ModelNotFound: no model of that name, and the remedy names those that are near
        :raises ProviderError: the server refused, or an error came in the middle of the answer
        """
        return self._chat(request)

    async def loaded_models(self) -> Sequence[LoadedModel]:
        """List the models in memory, those first that stay longest."""
        return [loaded(entry) for entry in await self._entries("/api/ps")]

    async def load_model(self, request: LoadRequest) -> None:
        """Load a model, or set anew how long it stays; returns when it is in memory.

        :raises ModelNotFound: no model of that name, and the remedy names those that are near
        :raises UsageError: the context size is one that Ollama accepts and then answers nonsense
        """
        async with self._suggesting(request.name):
            await self._link.ask("POST", "/api/generate", load_body(request), self._link.read_timeout)

    async def unload_model(self, name: str) -> None:
        """Take a model out of memory; one that answers just now ends its answer first."""
        await self.load_model(LoadRequest(name, keep_alive=0))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._link.aclose()

    async def _chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        answer, lines, broken = Answer(self._where), Lines(), ""
        async with (
            self._suggesting(request.model),
            self._link.stream("POST", "/api/chat", chat_body(request), self._link.read_timeout) as response,
        ):
            chunks = _chunks(response)
            try:
                async for chunk in chunks:
                    for line in lines.feed(chunk):
                        for event in answer.read(line):
                            yield event
                    if answer.done:
                        break
            except httpx.RequestError as error:
                broken = reason(error)
            except OverflowError as error:
                raise not_ollama(self._where, "sent a line without an end") from error
            if answer.done:
                await _finish(chunks)
            else:
                for event in answer.end(lines.rest(), broken):
                    yield event

    async def _entries(self, path: str) -> list[dict[str, Any]]:
        """Return the `models` of an answer."""
        answer = await self._link.ask("GET", path)
        models = answer.get("models", "missing")
        if models is None:  # how Go writes an empty list
            return []
        if not isinstance(models, list) or not all(isinstance(entry, dict) for entry in models):
            raise not_ollama(self._where, f"answered {path} without a list of models")
        return models

    async def _chats(self, model: ModelInfo) -> bool:
        """Whether a listed model can chat; servers before 0.30 tell only when asked for that model."""
        if model.capabilities:
            return model.chats
        try:
            return (await self.show_model(model.name)).chats
        except ModelNotFound:  # its files are incomplete
            return False

    @contextlib.asynccontextmanager
    async def _suggesting(self, name: str) -> AsyncIterator[None]:
        """Name models that are there when the wanted one is not."""
        try:
            yield
        except ModelNotFound as error:
            raise await self._not_found(name) from error

    async def _not_found(self, name: str) -> ModelNotFound:
        wanted = visible(canonical(name))
        problem = f"Ollama at {self._where} has no model {wanted}"
        pull = f"`ollama pull {visible(name)}` fetches it."
        try:
            names = [model.name for model in await self.list_models()]
        except OllmError:  # the first error is the one that matters
            return ModelNotFound(problem, pull)
        if any(same(name, other) for other in names):
            return ModelNotFound(f"{problem} in full, only a part of its files", pull)
        near = _nearest(canonical(name), names)
        return ModelNotFound(problem, f"Near to it: {', '.join(map(visible, near))}; or {pull}" if near else pull)


async def _finish(chunks: AsyncIterator[bytes]) -> None:
    """Read to the end of an answer that is over, so that the connection can be used again."""
    with contextlib.suppress(httpx.RequestError, TimeoutError):
        async with asyncio.timeout(_LAST_BYTES):
            async for _ in chunks:
                pass


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return the answer's bytes; undone is only a compression that a proxy forces on us."""
    return response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()


def _nearest(name: str, names: Sequence[str]) -> list[str]:
    """Return up to three names that somebody who wrote `name` may have meant."""
    import difflib

    bare = name.rpartition(":")[0]
    kin = [other for other in names if other.rpartition(":")[0].lower() == bare.lower()]
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return list(dict.fromkeys([*kin, *close]))[:3]
