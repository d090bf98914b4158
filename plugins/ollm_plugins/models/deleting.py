"""What is to be done before and after a model is deleted?

Ollama keeps a model that is deleted while it is loaded: it stays in memory, and nobody can unload it by name any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from ollm.api import (
    DeletedModel,
    DeletesModels,
    LoadsModels,
    ModelInfo,
    ModelNotFound,
    OllmError,
    Provider,
    ProviderAccess,
    ProviderError,
    meant,
    same_model,
)
from ollm_plugins.models.source import Source

UNLOADING = 5.0
"""Seconds that an unload may take; a model that is answering ends its answer first."""

PAUSE = 0.1


async def delete(access: ProviderAccess, source: Source, model: ModelInfo, listed: Sequence[ModelInfo]) -> DeletedModel:
    """Take a model out of memory and delete it.

    :param listed: all models of the provider
    :raises ProviderError: the model stays in memory; nothing was deleted
    """
    unloaded = await _unload(access, source, model.name)

    async def question(provider: Provider) -> None:
        assert isinstance(provider, DeletesModels)
        await provider.delete_model(model.name)

    try:
        await access.ask(source.owned, question)
    except ModelNotFound:
        source.cache.mark_deleted(model.name)
        raise
    source.cache.mark_deleted(model.name)
    return DeletedModel(source.name, model.name, freed_by(model, listed), unloaded)


def freed_by(model: ModelInfo, listed: Sequence[ModelInfo]) -> int | None:
    """Return how many bytes no other model needs; None when nobody knows.

    A model with the same digest is the same one under another name. One that was made from it, or from which it was
    made, shares files with it.
    """
    others = [each for each in listed if each.name != model.name]
    if model.digest and any(each.digest == model.digest for each in others):
        return 0
    parent = str(model.details.get("parent_model") or "")
    related = bool(parent and meant(parent, [each.name for each in others])) or any(
        meant(str(each.details.get("parent_model") or ""), [model.name]) for each in others
    )
    return None if related else model.size


async def _unload(access: ProviderAccess, source: Source, name: str) -> bool:
    """Take a model out of memory; whether it was there."""
    if not await _is_loaded(source, name):
        return False

    async def question(provider: Provider) -> None:
        assert isinstance(provider, LoadsModels)
        await provider.unload_model(name)

    await access.ask(source.owned, question)
    end = time.monotonic() + UNLOADING
    while await _is_loaded(source, name):
        if time.monotonic() > end:
            problem = f"{name} stays in memory, so it was not deleted"
            raise ProviderError(problem, "It may be answering somebody: wait for that, then delete it again.")
        await asyncio.sleep(PAUSE)
    return True


async def _is_loaded(source: Source, name: str) -> bool:
    """:raises OllmError: nobody knows"""
    loaded = await source.loaded()
    if isinstance(loaded, OllmError):
        raise loaded
    return any(same_model(each.name, name) for each in loaded)
