"""What can a plugin hand in?

Contributions are frozen data. What costs time to import is named by an object reference, the form that
entry points use ("package.module:attribute"), and imported only when it is needed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from msgspec import Struct

from ollm.contribution import PATH, WORDS, Contribution, Ref, fits

if TYPE_CHECKING:
    from pathlib import Path

    from ollm.contexts import (
        CompletionContext,
        DetectContext,
        EventContext,
        FrontendContext,
        HostContext,
        RankContext,
        RewindContext,
        StatusContext,
        StreamContext,
        ToolContext,
        TurnContext,
    )
    from ollm.messages import ChatRequest, Event, GenerationOptions, Message, ToolRecord, ToolReturned, Usage
    from ollm.providers import Provider
    from ollm.questions import Form

Surface = Literal["shell", "repl"]
Risk = Literal["none", "read", "write", "execute", "network"]
FITTING: Final = 900
"""Order from which on request adjusters make a request fit; those before it decide what it consists of."""


class ProviderEntry(Contribution, frozen=True):
    """A provider of models.

    :param summary: what it is, in one line
    :param create: makes the provider; called once a run, when it is first needed
    :param order: who is asked first when the user has chosen none; lower comes first; ollm's own have 10 and 90
    :param stand_in: said when it answers in the place of a provider that was not reached
    :param address: key of the setting that says where it is; whoever sets it has chosen this provider
    """

    references: ClassVar[tuple[str, ...]] = ("create",)

    summary: str
    create: Ref[Callable[[HostContext], Provider]]
    order: int = 50
    stand_in: str = ""
    address: str = ""


class RoutingProfile(Contribution, frozen=True):
    """A rule for choosing a model for a kind of work.

    :param preferred_families: best first
    :param min_context_window: in tokens
    :param fallback_profile: whose choice is taken when no model qualifies
    :param rank: scores the candidates, by their key; higher is better. None ranks by family
    """

    references: ClassVar[tuple[str, ...]] = ("rank",)

    description: str
    preferred_families: tuple[str, ...] = ()
    min_context_window: int = 0
    required_capabilities: tuple[str, ...] = ()
    fallback_profile: str | None = None
    rank: Ref[Callable[[RankContext], Mapping[str, float]]] | None = None


class ToolPreview(Struct, frozen=True):
    """What a tool call would do, for whoever decides on it.

    :param text: exactly what would happen, whole: the command, the unified diff, the address; untrusted
    :param subject: what rules look at: a file's real path, the command, the host
    :param always: what an answer "always" would cover, e.g. "git status" or a folder; empty: the tool as a
        whole, but of a command only that very one
    :param careful: why somebody should look although the mode would let it run, e.g. "it may hold secrets"
    :param edits: name of the argument that the user may change first; empty for none
    """

    text: str
    form: Form = "text"
    subject: str = ""
    always: str = ""
    careful: str = ""
    edits: str = ""


class Tool(Contribution, frozen=True):
    """Something a model may call.

    :param description: told to the model
    :param parameters: a (reference to a) class that pydantic can validate, which costs each run that offers the tool the
        import of pydantic; or a JSON Schema object, for tools that check their arguments themselves, with
        `understood`
    :param run: an async function; gets the context and the arguments, of that class or as they came, and returns the
        text for the model
    :param risk: what it can do; anything but "none" needs an approval, and is offered in scripts only with `--tools all`
    :param preview: gets the same as `run` and says what would happen, without doing it; raises `OllmError` to refuse.
        None shows the arguments
    """

    references: ClassVar[tuple[str, ...]] = ("run", "preview")
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"risk": get_args(Risk)}

    description: str
    parameters: Ref[type] | Mapping[str, Any]
    run: Ref[Callable[[ToolContext, Any], Awaitable[str]]]
    risk: Risk = "execute"
    preview: Ref[Callable[[ToolContext, Any], Awaitable[ToolPreview]]] | None = None

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong; a server would refuse every request with a tool whose parameters are no object."""
        yield from super().mistakes()
        given = self.parameters
        if not isinstance(given, str | type | Mapping):
            yield f"parameters is a {type(given).__name__}, not a class, a reference or a JSON Schema"
        elif isinstance(given, Mapping) and given.get("type") != "object":
            yield "parameters is a JSON Schema whose type is not 'object'"


class Command(Contribution, frozen=True):
    """One node of the command tree: `ollm NAME …` in the shell and `/NAME …` in the REPL.

    :param name: the words that lead to it, e.g. "memory add"
    :param summary: one line for the list of commands
    :param run: a typed function that Typer reads, plain or async; a parameter annotated `CommandContext` gets the
        context. What it returns is ignored; it fails by raising `OllmError`
    :param aliases: other names in the same form
    :param examples: command lines as a user types them after `ollm`, shown in its help
    :param surfaces: where it is mounted
    :param lenient: works although the settings hold mistakes, because it helps to mend them
    """

    references: ClassVar[tuple[str, ...]] = ("run",)
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"surfaces": get_args(Surface)}
    name_form: ClassVar[tuple[re.Pattern[str], str]] = (
        WORDS,
        "one or more words of lower-case letters, digits and _ . -",
    )

    summary: str
    run: Ref[Callable[..., Any]]
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    surfaces: tuple[Surface, ...] = ("shell", "repl")
    lenient: bool = False

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong; an alias has the form of a name."""
        yield from super().mistakes()
        for alias in self.aliases if fits(self.aliases, "tuple[str, ...]") else ():
            if not WORDS.fullmatch(alias):
                yield f"its alias {alias!r} is not {self.name_form[1]}"


class CommandGroup(Contribution, frozen=True):
    """What a group of commands is about; the group exists as soon as a command is in it."""

    summary: str


class Detection(Struct, frozen=True):
    """A project type that was found.

    :param evidence: the files that say so
    :param confidence: 0 to 1
    """

    project_type: str
    root: Path
    evidence: tuple[str, ...]
    confidence: float


class ProjectDetector(Contribution, frozen=True):
    """Recognizes a type of project from the files in a folder; must not list more than it needs.

    :param detect: called at each start, so its module should import nothing big
    """

    references: ClassVar[tuple[str, ...]] = ("detect",)

    detect: Ref[Callable[[DetectContext], Detection | None]]


class ProjectProfile(Contribution, frozen=True):
    """What suits a type of project: model, system prompt, tools, routing profile."""

    description: str
    model: str | None = None
    system_prompt: str = ""
    tools_enabled: tuple[str, ...] = ()
    tools_disabled: tuple[str, ...] = ()
    routing_profile: str | None = None


class ModelLimits(Contribution, frozen=True):
    """What is known of the models whose name matches a glob pattern.

    :param name: of this entry, for messages
    :param pattern: glob over the model's name with tag, e.g. "llama3.1:*"
    :param context_window: in tokens
    :param max_output_tokens: None: bounded by the context window only
    :param capabilities: of tools, vision, streaming, thinking, embedding
    :param profiles: routing profiles that it suits
    """

    pattern: str
    family: str
    context_window: int
    max_output_tokens: int | None = None
    capabilities: tuple[str, ...] = ("streaming",)
    profiles: tuple[str, ...] = ()


class Setting(Struct, frozen=True):
    """What is said of one setting, as metadata of its annotation: `Annotated[float, Setting("…")]`.

    :param help: one sentence
    :param env: environment variables that set it, the strongest first
    :param borrowed: variables of other programs, that hold only where the user has set nothing
    :param flags: options of the `ollm` command that set it
    :param project: whether a trusted project's file may set it; never for hosts, keys or plugins
    :param ge: least number allowed; `gt`: must be greater
    :param le: greatest number allowed
    :param pattern: regular expression that a text must match
    :param form: what `pattern` means, in words for the user
    :param check: says what is wrong with a value of the right type; nothing if it is right
    :param completes: the kind of its values, or of those in its list, as in `Completes`, e.g. "model"
    """

    help: str
    env: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()
    project: bool = True
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    pattern: str = ""
    form: str = ""
    check: Callable[[Any], str] | None = None
    completes: str = ""


class SettingsValue(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of a setting's value that has named parts of its own; each part needs a type and a default."""


class SettingsSection(Contribution, frozen=True):
    """A part of the settings, e.g. "providers.ollama", or one for each name that the user gives: "models.*.options".

    What has a `*` is set by files and in the session only, not by variables and flags.

    :param name: the path in the YAML file, in camelCase, parts joined by dots
    :param model: a frozen dataclass with a default for each field, each annotated with a `Setting`; or a frozen
        msgspec Struct, which a start makes in a thirtieth of the time
    """

    references: ClassVar[tuple[str, ...]] = ("model",)
    name_form: ClassVar[tuple[re.Pattern[str], str]] = (PATH, "a dotted path in camelCase")

    model: Ref[type]


class SettingsLayer(Contribution, frozen=True):
    """Values that lie between the user's file and the environment, e.g. a trusted project's.

    :param path: the file they come from
    :param values: nested as in the YAML file
    :param lines: line number of each dotted key, where known
    """

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int] = {}


class PromptPart(Contribution, frozen=True):
    """A part of the system prompt.

    :param order: lower comes first
    :param render: returns the text, or None when there is nothing to say in this turn
    """

    references: ClassVar[tuple[str, ...]] = ("render",)

    render: Ref[Callable[[TurnContext], Awaitable[str | None] | str | None]]
    order: int = 50


class StatusItem(Contribution, frozen=True):
    """A few words for the status bar of the REPL.

    :param order: lower stands further to the left
    :param render: asked in a thread of its own, about once a second; must return within three seconds, None when
        there is nothing to show
    """

    references: ClassVar[tuple[str, ...]] = ("render",)

    render: Ref[Callable[[StatusContext], str | None]]
    order: int = 50


class TemplateVariable(Struct, frozen=True):
    """A variable of a prompt template."""

    name: str
    required: bool = False
    default: str | None = None
    description: str = ""


class Template(Contribution, frozen=True):
    """A prompt with variables, in the form `{variable}` or `{variable:default}`.

    :param variables: the only names that are variables; none takes each that stands in the text for one
    :param system: what the model is told before the conversation, with variables as well
    :param options: generation options by their names in the settings, e.g. "maxTokens"
    :param schema: JSON Schema that the answer must satisfy
    """

    description: str
    template: str
    variables: tuple[TemplateVariable, ...] = ()
    system: str | None = None
    model: str | None = None
    routing_profile: str | None = None
    options: Mapping[str, Any] = {}
    schema: Mapping[str, Any] | None = None

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong, in its variables as well."""
        yield from super().mistakes()
        for each in self.variables if fits(self.variables, "tuple[TemplateVariable, ...]") else ():
            if not isinstance(each, TemplateVariable):
                yield f"variables holds a {type(each).__name__}, not a TemplateVariable"
            elif not isinstance(each.name, str):
                yield f"variables: name is a {type(each.name).__name__}, not str"


class TurnRecord(Struct, frozen=True):
    """A turn that is over.

    :param messages: what it added to the conversation, the user's message first
    :param notices: what the user was told in it, by the provider and by plugins
    :param seconds: wall time
    :param first_token_seconds: wall time to the first text; None when there was none
    :param context: what plugins got to see of it at its beginning
    :param tools: every tool call, in the order in which they ended
    :param options: those that were sent last
    """

    id: str
    provider: str
    model: str
    messages: tuple[Message, ...]
    reason: str
    usage: Usage
    notices: tuple[str, ...]
    seconds: float
    first_token_seconds: float | None
    context: TurnContext | None = None
    tools: tuple[ToolRecord, ...] = ()
    options: GenerationOptions | None = None


class TurnObserver(Contribution, frozen=True):
    """Is told what happens in turns; must be quick, and cannot change anything.

    :param events: the types of events that `on_event` is told of, e.g. "finished"; empty for all. Who names them costs
        a token of an answer nothing
    :param on_rewind: is told that messages at the end of a conversation were taken back
    """

    references: ClassVar[tuple[str, ...]] = ("on_event", "on_turn", "on_rewind")

    on_event: Ref[Callable[[EventContext], None]] | None = None
    on_turn: Ref[Callable[[TurnRecord], None]] | None = None
    on_rewind: Ref[Callable[[RewindContext], None]] | None = None
    events: tuple[str, ...] = ()


class RequestAdjuster(Contribution, frozen=True):
    """Completes a request before it is sent: options, limits.

    :param order: lower comes first; below `FITTING` (900), what a request consists of, from there on, how it fits
    :param adjust: returns the request to send; raises `OllmError` to refuse it
    """

    references: ClassVar[tuple[str, ...]] = ("adjust",)

    adjust: Ref[Callable[[ChatRequest, TurnContext], Awaitable[ChatRequest] | ChatRequest]]
    order: int = 50


class StreamAdjuster(Contribution, frozen=True):
    """Stands between a conversation and the provider: may send another request, and change the events that come.

    :param order: lower stands nearer to the conversation
    :param stream: returns the events; None leaves this request alone. A word may come in several pieces of text, so
        whoever looks for words must hold back what may be the beginning of one
    """

    references: ClassVar[tuple[str, ...]] = ("stream",)

    stream: Ref[Callable[[StreamContext], AsyncIterator[Event] | None]]
    order: int = 50


class ResultAdjuster(Contribution, frozen=True):
    """Has the last word on a tool's result before the model reads it.

    :param order: lower comes first
    """

    references: ClassVar[tuple[str, ...]] = ("adjust",)

    adjust: Ref[Callable[[ToolReturned, ToolContext], Awaitable[ToolReturned] | ToolReturned]]
    order: int = 50


class RootOption(Contribution, frozen=True):
    """An option of `ollm` itself, for what is to be said or how, e.g. `-t review`.

    :param flags: its spellings, e.g. ("--template", "-t")
    :param help: one sentence
    :param metavar: what its value is; without one it is a switch
    :param many: whether it may be given several times; its value is then a list
    :param prepare: gets what is to be said and the values of all such options that were given, by their contribution's
        name, and returns what is to be said instead; called when this option was given. None: another option reads it
    """

    references: ClassVar[tuple[str, ...]] = ("prepare",)

    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    many: bool = False
    prepare: Ref[Callable[[FrontendContext, Mapping[str, Any]], FrontendContext]] | None = None


class Completes(Struct, frozen=True):
    """Says of a command's parameter what it takes, so that it can be completed: `Annotated[str, Completes("model")]`.

    An option that has the name of a kind, such as `--model`, need not say so.

    :param kind: name of a `ValueCompleter`; "path" and "folder" are known to every front end
    """

    kind: str


class ValueCompleter(Contribution, frozen=True):
    """Knows the values of one kind, such as the names of models.

    :param complete: returns the values that could be meant, with what is said of each, or ""; a `Completes` among them
        stands for all values of that kind. Must return within a fraction of a second, so it asks no slow server
    """

    references: ClassVar[tuple[str, ...]] = ("complete",)

    complete: Ref[Callable[[CompletionContext], Iterable[tuple[str, str] | Completes]]]


class BackgroundTask(Contribution, frozen=True):
    """Work beside an interactive conversation, from its beginning to its end.

    :param run: an async function; it is cancelled when the program ends, and what it raises is told to the user
    """

    references: ClassVar[tuple[str, ...]] = ("run",)

    run: Ref[Callable[[HostContext], Awaitable[None]]]


class Frontend(Contribution, frozen=True):
    """A way to hold a conversation.

    :param kind: `once` answers a single prompt and ends, `interactive` owns the terminal
    :param run: returns the exit code
    """

    references: ClassVar[tuple[str, ...]] = ("run",)
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"kind": ("once", "interactive")}

    kind: Literal["once", "interactive"]
    run: Ref[Callable[[FrontendContext], int]]


class Service(Contribution, frozen=True):
    """Something that rooms use without knowing who provides it.

    Of several for one Protocol the first is used, ollm's own before a stranger's.

    :param protocol: the Protocol that it fulfils: one of `ollm.api`, best by reference (`"ollm.api:ToolApprover"`), since
        importing some costs a start more than all else; or, for what only one plugin's parts share, a class of its own
    :param create: makes it; called once a run, when it is first asked for
    """

    references: ClassVar[tuple[str, ...]] = ("protocol", "create")

    protocol: Ref[type]
    create: Ref[Callable[[HostContext], Any]]
