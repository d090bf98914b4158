"""What does a plugin get to see?

A hook, and each object that a hook returns, is given one frozen context. A context may grow; nothing is
ever taken out of it within one API version.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgspec import Struct

from ollm.messages import AS_SET, Overrides

if TYPE_CHECKING:
    from ollm.app import App
    from ollm.contributions import Surface, TurnRecord
    from ollm.messages import ChatRequest, Event, Message, Notice, ToolCall
    from ollm.output import Output
    from ollm.paths import Paths
    from ollm.providers import ModelInfo
    from ollm.questions import Question, Reply
    from ollm.session import Conversation
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


async def nobody(question: Question) -> Reply | None:  # noqa: ARG001  (nobody reads it)
    """Answer no question."""
    return None


class HostContext(Struct, frozen=True):
    """What every hook and factory gets.

    :param notify: tells the user one line, once
    :param workplace: holds what `workspace` returns
    :param environ: variables by name
    :param ask: asks the user and waits for the reply; None when nobody can be asked
    """

    paths: Paths
    settings: SettingsReader
    services: ServiceFinder
    notify: Callable[[Notice], None]
    workplace: Workplace
    environ: Mapping[str, str]
    ask: Callable[[Question], Awaitable[Reply | None]] = nobody

    @property
    def workspace(self) -> Path:
        """The folder in which the user works just now: it changes when the user goes elsewhere."""
        return self.workplace.folder


class TurnContext(Struct, frozen=True):
    """One turn, before its request is sent.

    :param id: unique among all turns
    :param prompt: what the user has just written
    :param messages: the conversation so far, without the prompt
    :param conversation: identifies the conversation
    :param aside: whether the turn belongs to no conversation that is kept: it is not saved, and has no tools
    :param overrides: what this prompt asks for instead of what the settings say
    """

    host: HostContext
    id: str
    provider: str
    model: str
    prompt: str
    messages: tuple[Message, ...]
    conversation: str = ""
    aside: bool = False
    overrides: Overrides = Overrides()


class RewindContext(Struct, frozen=True):
    """A conversation whose last messages were taken back.

    :param kept: how many messages are left
    """

    host: HostContext
    conversation: str
    kept: int


class ToolContext(Struct, frozen=True):
    """One tool call.

    :param request: the request that the model answered with it
    """

    turn: TurnContext
    call: ToolCall
    request: ChatRequest | None = None


class StreamContext(Struct, frozen=True):
    """A request that is about to be sent.

    :param send: sends a request, this one or another, and returns the events of its answer, to be closed when no more
        of them are wanted
    """

    request: ChatRequest
    turn: TurnContext
    send: Callable[[ChatRequest], AsyncGenerator[Event, None]]


class CompletionContext(Struct, frozen=True):
    """A value that is being typed.

    :param typed: what stands before the cursor
    :param words: the words of the command line before it, without the slash
    :param conversation: the one under way, if any
    """

    host: HostContext
    typed: str = ""
    words: tuple[str, ...] = ()
    conversation: Conversation | None = None


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
    :param images: the bytes of images that come with the prompt
    :param overrides: what the prompt asks for instead of what the settings say
    :param given: a conversation to go on with; None begins one
    """

    app: App
    prompt: str = ""
    output: str = "text"
    images: tuple[bytes, ...] = ()
    overrides: Overrides = Overrides()
    given: Conversation | None = None

    def conversation(self) -> Conversation:
        """Return the conversation to go on with, or begin one."""
        return self.given if self.given is not None else self.app.conversation()


class Submission(Struct, frozen=True):
    """A prompt that a command wants answered."""

    prompt: str
    images: tuple[bytes, ...] = ()
    overrides: Overrides = AS_SET


class CommandContext(Struct, frozen=True):
    """What a command gets when it asks for it.

    :param conversation: the one under way; None in the shell
    :param submissions: prompts that are to be answered when the command is over; the front end takes them from here
    """

    app: App
    surface: Surface
    conversation: Conversation | None = None
    submissions: list[Submission] = []

    def submit(self, prompt: str, images: tuple[bytes, ...] = (), overrides: Overrides = AS_SET) -> None:
        """Have a prompt answered: in the conversation under way, else as `ollm -p` does, at once.

        :raises Exit: in the shell, with the answer's exit code
        """
        if self.surface == "repl":
            self.submissions.append(Submission(prompt, images, overrides))
            return
        import typer

        context = FrontendContext(self.app, prompt, images=images, overrides=overrides)
        raise typer.Exit(self.app.front_end("once", context))

    @property
    def out(self) -> Output:
        """Where to write."""
        return self.app.out

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something asynchronous until it is done."""
        return self.app.run(work)
