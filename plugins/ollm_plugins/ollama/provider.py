"""What can the Ollama provider do?"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ollm.api import (
    ChatRequest,
    Event,
    Health,
    LoadedModel,
    LoadRequest,
    ModelInfo,
    ModelNotFound,
    Notice,
    OllmError,
    Progress,
    PullRequest,
    SettingsError,
    Step,
    same_model,
    visible,
)
from ollm_plugins.ollama.address import parse_address, shown_address
from ollm_plugins.ollama.answer import Answer
from ollm_plugins.ollama.failures import not_ollama
from ollm_plugins.ollama.folder import folder_on_this_machine
from ollm_plugins.ollama.link import Link
from ollm_plugins.ollama.missing import missing_in_registry, missing_on_server
from ollm_plugins.ollama.models import listed, loaded, newest_first, shown
from ollm_plugins.ollama.pull import Pull
from ollm_plugins.ollama.settings import OllamaSettings
from ollm_plugins.ollama.wire import chat_body, load_body, pull_body

if TYPE_CHECKING:
    from pathlib import Path

    from ollm.api import HostContext

_GET_ONE = "`ollm model pull llama3.2` fetches one."


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
    return OllamaProvider(Link(address, settings.connect_timeout, settings.read_timeout), ctx.environ)


class OllamaProvider:
    """An Ollama server: a `Provider` with every further ability but counting tokens.

    :param environ: variables by name; the server may have been started with the same
    """

    name = "ollama"

    def __init__(self, link: Link, environ: Mapping[str, str]) -> None:
        self._link = link
        self._environ = environ
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
        ready = [model for entry in in_memory for model in on_disk if same_model(model.name, entry.name)]
        for model in [*ready, *on_disk]:
            if await self._chats(model):
                return model.name
        problem = f"Ollama at {self._where} has no model that can chat"
        raise ModelNotFound(problem, _GET_ONE)

    async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        """Answer; the server's silence before the first event can last as long as it loads the model.

        :raises ProviderUnreachable: the connection could not be made, or ended before anything came
        :raises ModelNotFound: no model of that name, and the remedy names those that are near
        :raises ProviderError: the server refused, or an error came in the middle of the answer
        """
        answer = self._link.events("/api/chat", chat_body(request), Answer(self._where))
        async with self._suggesting(request.model), contextlib.aclosing(answer) as events:
            async for event in events:
                yield event

    async def pull(self, request: PullRequest) -> AsyncIterator[Progress | Step | Notice]:
        """Have the server fetch a model, or join it if it does so already; closing the iterator ends that.

        The server keeps what has come, and the next pull goes on from there. While the server retries, it repeats
        its last line; silence counts only if `read_timeout` is set.

        :raises ModelNotFound: the registry has no such model
        :raises ProviderUnreachable: the server does not answer, or the registry does not answer the server
        :raises UsageError: the name is none
        :raises ProviderError: the fetch failed, or ended without success
        """
        reader = Pull(request.name, self._where)
        lines = self._link.events("/api/pull", pull_body(request), reader, reader.failure)
        try:
            async with contextlib.aclosing(lines) as events:
                async for event in events:
                    yield event
        except ModelNotFound as error:
            raise missing_in_registry(request.name, await self._names()) from error

    async def delete_model(self, name: str) -> None:
        """Delete a model from the server's disk; one in memory stays there until its time is over.

        :raises ModelNotFound: no model of that name, and the remedy names those that are near
        :raises UsageError: the name is none
        """
        async with self._suggesting(name):
            await self._link.tell("DELETE", "/api/delete", {"model": name})

    async def copy_model(self, source: str, target: str) -> None:
        """Give a model a second name, which costs no disk; a model that has that name already is replaced.

        :raises ModelNotFound: no model named `source`, and the remedy names those that are near
        :raises UsageError: one of the names is none
        """
        async with self._suggesting(source):
            await self._link.tell("POST", "/api/copy", {"source": source, "destination": target})

    def models_folder(self) -> Path | None:
        """Return the folder of a server on this machine, as far as it can be known; None for any other."""
        return folder_on_this_machine(self._environ) if self._link.address.loopback else None

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
            raise missing_on_server(self._where, name, await self._names()) from error

    async def _names(self) -> Sequence[str] | None:
        """Return the names of the models on the server; None if they cannot be had."""
        try:
            return [model.name for model in await self.list_models()]
        except OllmError:  # the error that made somebody ask is the one that matters
            return None
