"""What can a provider of models do?

A provider says what it can do by what it is: `Provider` is the least, each further Protocol one more
ability. Ask with `isinstance`; there is no method that raises NotImplementedError.

Every method may raise `ProviderUnreachable`, `ModelNotFound` or `ProviderError` of `ollm.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from ollm.messages import ChatRequest, Event, Notice, Progress, Step

if TYPE_CHECKING:
    from pathlib import Path

    from ollm.contributions import ProviderEntry
    from ollm.errors import OllmError
    from ollm.hub import Owned

T = TypeVar("T")


class Health(Struct, frozen=True):
    """A provider that can be reached.

    :param where: address or place, as a user would write it
    :param version: of the server or engine
    """

    where: str
    version: str


class ModelInfo(Struct, frozen=True):
    """What a provider says of one model; None or empty where it says nothing.

    :param size: of the weights on disk, in bytes
    :param modified: ISO 8601 time of the last change
    :param context_window: trained context window, in tokens
    :param capabilities: in Ollama's words: completion, tools, vision, thinking, embedding, insert
    :param default_options: the model's own generation parameters, under the provider's names
    :param details: anything else, under the provider's names
    """

    name: str
    size: int | None = None
    digest: str = ""
    modified: str = ""
    family: str = ""
    parameters: str = ""
    quantization: str = ""
    context_window: int | None = None
    capabilities: tuple[str, ...] = ()
    template: str = ""
    license: str = ""
    default_options: str = ""
    details: Mapping[str, Any] = {}

    @property
    def chats(self) -> bool:
        """Whether the model can hold a conversation, as far as the provider knows."""
        return not self.capabilities or "completion" in self.capabilities


class LoadedModel(Struct, frozen=True):
    """A model in memory.

    :param size: memory taken, in bytes
    :param size_gpu: the part of `size` that is on a GPU, in bytes
    :param context_size: allocated context window, in tokens
    :param expires: ISO 8601 time of the unload; empty if never
    """

    name: str
    size: int
    size_gpu: int = 0
    context_size: int | None = None
    expires: str = ""


class LoadRequest(Struct, frozen=True):
    """A wish to have a model in memory.

    :param keep_alive: seconds, or a duration such as "10m"; -1 for good; None: as the provider likes
    :param context_size: context window to allocate, in tokens; None: as the provider likes. A model that is
        loaded with another one is loaded anew
    """

    name: str
    keep_alive: str | int | None = None
    context_size: int | None = None


@runtime_checkable
class Provider(Protocol):
    """Answers chats. The least that a provider can do."""

    name: str

    async def check(self) -> Health:
        """Reach the provider, quickly (a second or two at most).

        :raises ProviderUnreachable: nobody is there
        """
        ...

    async def list_models(self) -> Sequence[ModelInfo]:
        """List what is there to chat with; details that cost a request each may be left out."""
        ...

    async def show_model(self, name: str) -> ModelInfo:
        """Tell everything known about one model.

        :raises ModelNotFound: no model of that name
        """
        ...

    def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        """Answer. The stream ends with `Finished`; a stream that ends without one was cut.

        Closing the iterator, or cancelling its task, ends the work within 0.2 s.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections, threads and memory."""
        ...


@runtime_checkable
class DefaultsModel(Protocol):
    """Knows which of its models to use when the user named none."""

    async def default_model(self) -> str:
        """Name the model to use.

        :raises ModelNotFound: there is none, and the remedy says how to get one
        """
        ...


class PullRequest(Struct, frozen=True):
    """A wish to have a model on disk.

    :param insecure: whether the model may come over http, or from a server whose certificate nobody vouches for
    """

    name: str
    insecure: bool = False


@runtime_checkable
class PullsModels(Protocol):
    """Fetches models."""

    def pull(self, request: PullRequest) -> AsyncIterator[Progress | Step | Notice]:
        """Fetch a model; the iterator ends when it is there. Closing it stops the fetch.

        `Progress` comes for each file or layer, with a label of its own; the sum is not the provider's business.

        :raises ModelNotFound: there is no such model to fetch
        :raises ProviderUnreachable: nobody answers, or the registry that has it does not
        :raises ProviderError: the fetch failed
        """
        ...


@runtime_checkable
class DeletesModels(Protocol):
    """Deletes models from disk."""

    async def delete_model(self, name: str) -> None:
        """Delete a model."""
        ...


@runtime_checkable
class CopiesModels(Protocol):
    """Gives models further names."""

    async def copy_model(self, source: str, target: str) -> None:
        """Give a model a second name; one that has that name already is replaced."""
        ...


@runtime_checkable
class KeepsModels(Protocol):
    """Says where on this machine its models are."""

    def models_folder(self) -> Path | None:
        """Return the folder, which need not be there yet; None if it is on another machine, or cannot be known."""
        ...


@runtime_checkable
class LoadsModels(Protocol):
    """Holds models in memory and can be told to."""

    async def loaded_models(self) -> Sequence[LoadedModel]:
        """List the models in memory."""
        ...

    async def load_model(self, request: LoadRequest) -> None:
        """Load a model, or keep a loaded one for longer."""
        ...

    async def unload_model(self, name: str) -> None:
        """Take a model out of memory."""
        ...


@runtime_checkable
class HoldsFewModels(Protocol):
    """Has room for so many models in memory, whatever their size; a further one takes the place of another."""

    @property
    def models_at_once(self) -> int:
        """How many."""
        ...


@runtime_checkable
class CountsTokens(Protocol):
    """Counts tokens exactly, with the model's own tokenizer."""

    async def count_tokens(self, model: str, text: str) -> int:
        """Count the tokens of a text."""
        ...


class ProviderAccess(Protocol):
    """Reaches all providers. The kernel itself provides this service, so `find(ProviderAccess)` is never None."""

    @property
    def generation(self) -> int:
        """How often all providers were closed; one from an earlier generation must not be used."""
        ...

    def entries(self) -> Sequence[Owned[ProviderEntry]]:
        """List the providers in the order in which they are asked."""
        ...

    def entry(self, name: str) -> Owned[ProviderEntry]:
        """Return a provider's entry.

        :raises UsageError: there is none of that name
        """
        ...

    def make(self, owned: Owned[ProviderEntry]) -> Provider:
        """Return the provider itself, to see what it can do.

        :raises PluginError: its plugin could not make it
        """
        ...

    def chosen(self) -> str | None:
        """Return the provider that the user chose, by name or by giving its address; None if all may be asked."""
        ...

    async def ask(
        self, owned: Owned[ProviderEntry], question: Callable[[Provider], Awaitable[T]], patience: float | None = None
    ) -> T:
        """Ask a provider, which may be a stranger's, something.

        :param patience: seconds after which one that does not answer counts as unreachable; None: for good
        :raises OllmError: the provider says no
        :raises ProviderUnreachable: it took too long
        :raises PluginError: it failed, which is noted
        """
        ...

    async def ask_all(
        self, entries: Sequence[Owned[ProviderEntry]], question: Callable[[Provider], Awaitable[T]]
    ) -> Sequence[tuple[Owned[ProviderEntry], T | OllmError]]:
        """Ask several providers at the same time, with patience; one that fails spoils nothing for the others."""
        ...
