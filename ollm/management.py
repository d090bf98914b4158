"""How are models managed, whichever provider has them?

The Protocol that a plugin registers as a service and any other finds with `ctx.services.find(ModelManagement)`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from ollm.messages import Notice, Progress, Step, Waiting
from ollm.providers import LoadedModel, ModelInfo, PullRequest


class ListedModel(Struct, frozen=True):
    """A model in a catalogue.

    :param loaded: how it is in memory; None when it is not, or nobody knows
    """

    provider: str
    info: ModelInfo
    loaded: LoadedModel | None = None


class CatalogueSource(Struct, frozen=True):
    """Where the models of one provider in a catalogue come from.

    :param as_of: ISO 8601 time at which the provider said so; empty when it never did
    :param offline: why the provider was not reached just now, so that this is what it said before; empty when it was
    :param remedy: what the user can do about that
    """

    provider: str
    as_of: str
    offline: str = ""
    remedy: str = ""


class Catalogue(Struct, frozen=True):
    """The models of one or several providers."""

    models: tuple[ListedModel, ...]
    sources: tuple[CatalogueSource, ...]


class ShownModel(Struct, frozen=True):
    """Everything that a provider says of one model; `source` says when."""

    provider: str
    info: ModelInfo
    source: CatalogueSource


class DeletedModel(Struct, frozen=True):
    """A model that was deleted.

    :param freed: bytes on disk that no other model needs; None when nobody knows
    :param unloaded: whether it was taken out of memory first
    """

    provider: str
    name: str
    freed: int | None
    unloaded: bool


class ModelStatus(Struct, frozen=True):
    """A model in memory, and whose it is."""

    provider: str
    loaded: LoadedModel


class ModelManagement(Protocol):
    """Manages models, whichever provider has them.

    Wherever `provider` is None, the chosen provider is meant, or all that answer if the user has chosen none. Every
    method raises `ModelNotFound`, `ProviderUnreachable`, `UsageError` or `ProviderError`.
    """

    async def list_models(self, provider: str | None = None, *, max_age: float = 0.0) -> Catalogue:
        """List the models.

        A provider that is away is answered for by what it said before, marked so in `sources`.

        :param max_age: seconds for which a former answer is good enough, so that nobody is asked
        :raises ProviderUnreachable: nobody answers, and nobody ever did
        """
        ...

    async def show_model(self, name: str, provider: str | None = None, *, max_age: float = 0.0) -> ShownModel:
        """Tell everything known about one model, with the former answer when its provider is away.

        :param max_age: seconds for which a former answer is good enough
        """
        ...

    def pull(
        self, request: PullRequest, provider: str | None = None
    ) -> AsyncIterator[Progress | Step | Waiting | Notice]:
        """Fetch a model; closing the iterator stops the fetch.

        `Progress` comes for each layer, labelled by its digest, and, labelled by the model's name, for the sum of
        them. `Waiting` says for how long nothing has moved on. The iterator ends when the model is there.
        """
        ...

    def cancel(self, name: str) -> bool:
        """Stop a pull that is under way in this process; False if there is none of that name."""
        ...

    async def delete_model(self, name: str, provider: str | None = None) -> DeletedModel:
        """Delete a model from disk, after taking it out of memory."""
        ...

    async def copy_model(self, source: str, target: str, provider: str | None = None) -> None:
        """Give a model a second name."""
        ...

    async def status(self, provider: str | None = None) -> Sequence[ModelStatus]:
        """List the models in memory, asking the providers now."""
        ...


class MemoryNeed(Struct, frozen=True):
    """What a model takes of memory, with its cache.

    :param bytes: None where nobody knows; 0 for one on other people's servers
    :param here: whether that is the memory of this machine
    """

    bytes: int | None = None
    here: bool = False


class MemoryEstimate(Struct, frozen=True):
    """What models need of this machine's memory, and what is there.

    :param needs: by "provider/model"
    :param room: bytes that models can have together; None where nobody knows
    :param kind: whose memory that is, e.g. "of GPU memory"
    :param guessed: whether `room` is only what such machines have at least
    """

    needs: Mapping[str, MemoryNeed] = {}
    room: int | None = None
    kind: str = ""
    guessed: bool = False


class ModelMemory(Protocol):
    """Knows how much memory models take, and how much there is."""

    async def estimate(self, models: Sequence[tuple[str, str]], context_size: int | None = None) -> MemoryEstimate:
        """Say what some models, each as its provider and name, need of memory.

        :param context_size: with which they are to be loaded, in tokens; None: with which they are, or usually would be
        :raises OllmError: nobody can be asked
        """
        ...
