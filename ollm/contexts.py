"""What does a plugin get to see?

A hook, and each object that a hook returns, is given one frozen context. A context may grow; nothing is
ever taken out of it within one API version.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from ollm.messages import Message, Notice
    from ollm.paths import Paths

T = TypeVar("T")


class SettingsReader(Protocol):
    """Reads settings; see `ollm.settings.Settings`."""

    def section(self, model: type[T]) -> T:
        """Return a section with the values in force.

        :raises SettingsError: a value is unknown, of the wrong type or out of range
        """
        ...

    def get(self, key: str) -> Any:
        """Return the value in force under a dotted key such as "model.default"."""
        ...

    def origin(self, key: str) -> str:
        """Say which layer the value in force comes from: "default", a file and line, a variable, a flag."""
        ...


class ServiceFinder(Protocol):
    """Finds services; see `ollm.services.Services`."""

    def find(self, protocol: type[T]) -> T | None:
        """Return the service that fulfils a Protocol, or None when no plugin provides it."""
        ...


class HostContext(Struct, frozen=True):
    """What every hook and factory gets.

    :param notify: tells the user one line, once
    """

    paths: Paths
    settings: SettingsReader
    services: ServiceFinder
    notify: Callable[[Notice], None]


class TurnContext(Struct, frozen=True):
    """One turn, before its request is sent.

    :param prompt: what the user has just written
    :param messages: the conversation so far, without the prompt
    :param workspace: the folder in which the user works
    """

    host: HostContext
    provider: str
    model: str
    prompt: str
    messages: tuple[Message, ...]
    workspace: Path


class ToolContext(Struct, frozen=True):
    """One tool call that was approved."""

    turn: TurnContext
    call_id: str
