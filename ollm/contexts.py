"""What does a plugin get to see?

A hook, and each object that a hook returns, is given one frozen context. A context may grow; nothing is
ever taken out of it within one API version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from ollm.app import App
    from ollm.contributions import TurnRecord
    from ollm.messages import ChatRequest, Event, Message, Notice, ToolCall
    from ollm.paths import Paths
    from ollm.providers import ModelInfo
    from ollm.settings_model import Candidate, Field

T = TypeVar("T")


class SettingsReader(Protocol):
    """Reads settings; see `ollm.settings.Settings`."""

    def section(self, model: type[T], entry: str = "") -> T:
        """Return a section with the values in force.

        :param entry: the name that stands for the `*` in the section's path
        :raises SettingsError: a value is unknown, of the wrong type or out of range
        """
        ...

    def get(self, key: str) -> Any:
        """Return the value in force under a dotted key such as "model.default"."""
        ...

    def is_set(self, key: str) -> bool:
        """Say whether the user has set a value, in whatever way; a variable of another program does not count."""
        ...

    def origin(self, key: str) -> str:
        """Say which layer the value in force comes from: "default", a file and line, a variable, a flag."""
        ...

    def entries(self, section: str) -> tuple[str, ...]:
        """List the names that layers give for the `*` in a section's path, e.g. "models.*.options"."""
        ...

    def candidates(self, key: str) -> Sequence[Candidate]:
        """List every value that a layer gives to a setting; the last one holds, the others are beaten."""
        ...

    def field_at(self, path: tuple[str, ...]) -> Field | None:
        """Return the declaration of the setting at a path; None when no plugin declares one."""
        ...

    def value_of(self, key: str, candidate: Candidate) -> Any:
        """Return what a candidate for a setting gives, in the declared type.

        :raises SettingsError: it does not fit
        """
        ...


class ServiceFinder(Protocol):
    """Finds services; see `ollm.services.Services`."""

    def find(self, protocol: type[T]) -> T | None:
        """Return the service that fulfils a Protocol, or None when no plugin provides it."""
        ...


class Workplace(Struct):
    """The folder in which the user works; `App.enter` changes it."""

    folder: Path


class HostContext(Struct, frozen=True):
    """What every hook and factory gets.

    :param notify: tells the user one line, once
    :param workplace: holds what `workspace` returns
    :param environ: variables by name
    """

    paths: Paths
    settings: SettingsReader
    services: ServiceFinder
    notify: Callable[[Notice], None]
    workplace: Workplace
    environ: Mapping[str, str]

    @property
    def workspace(self) -> Path:
        """The folder in which the user works just now: it changes when the user goes elsewhere."""
        return self.workplace.folder


class TurnContext(Struct, frozen=True):
    """One turn, before its request is sent.

    :param id: unique among all turns
    :param prompt: what the user has just written
    :param messages: the conversation so far, without the prompt
    """

    host: HostContext
    id: str
    provider: str
    model: str
    prompt: str
    messages: tuple[Message, ...]


class ToolContext(Struct, frozen=True):
    """One tool call that was approved."""

    turn: TurnContext
    call: ToolCall


class EventContext(Struct, frozen=True):
    """Something that happens in a turn.

    :param request: what was sent last in this turn, in the form in which it was sent; None before anything was
    """

    turn: TurnContext
    event: Event
    request: ChatRequest | None = None


class RankContext(Struct, frozen=True):
    """Models among which a routing profile is to choose.

    :param candidates: those that fulfil the profile's hard conditions, by "provider/model"
    """

    host: HostContext
    candidates: Mapping[str, ModelInfo]
    prompt: str


class DetectContext(Struct, frozen=True):
    """A folder whose type is wanted."""

    host: HostContext
    folder: Path


class StatusContext(Struct, frozen=True):
    """What a status item can tell about.

    :param provider: who answers; empty before the first turn
    :param last_turn: None before it is over
    """

    host: HostContext
    provider: str = ""
    model: str = ""
    last_turn: TurnRecord | None = None


class FrontendContext(Struct, frozen=True):
    """A wish for a conversation.

    :param prompt: to be answered; empty for an interactive front end
    :param output: the form of the answer that the user asked for
    """

    app: App
    prompt: str = ""
    output: str = "text"
