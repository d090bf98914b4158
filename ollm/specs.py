"""Which doors are there?

Each hook is synchronous, cheap and declarative: it returns contributions. What streams, waits or costs
is done by the contributed objects, later. A plugin is a class that derives from `Specs` and implements
the hooks it needs, each marked with `@hookimpl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import pluggy

if TYPE_CHECKING:
    from ollm.contexts import HostContext
    from ollm.contributions import (
        BackgroundTask,
        Command,
        CommandGroup,
        Frontend,
        ModelLimits,
        ProjectDetector,
        ProjectProfile,
        PromptPart,
        ProviderEntry,
        RequestAdjuster,
        ResultAdjuster,
        RootOption,
        RoutingProfile,
        Service,
        SettingsLayer,
        SettingsSection,
        StatusItem,
        StreamAdjuster,
        Template,
        Tool,
        TurnObserver,
        ValueCompleter,
    )
    from ollm.paths import Paths

API_VERSION = 1
"""Grows when something that plugins rely on is taken away or changes its meaning."""

hookspec = pluggy.HookspecMarker("ollm")
hookimpl = pluggy.HookimplMarker("ollm")


class Specs:
    """The doors."""

    requires_api: ClassVar[int] = 1
    """The API version that a plugin was written for. It stays 1 here for good: who says nothing was there first."""

    @hookspec
    def ollm_settings_sections(self, paths: Paths) -> Sequence[SettingsSection]:
        """Settings that the plugin reads, as a frozen dataclass for each part of the YAML file.

        Asked first, before any setting is known, so this one gets only the paths.

        :param paths: where files live
        :return: none, one or several; names are unique among all plugins

        Example::

            @dataclass(frozen=True)
            class Greeter:
                name: Annotated[str, Setting("Whom to greet.", env=("GREETER_NAME",))] = "world"

            class Plugin(Specs):
                @hookimpl
                def ollm_settings_sections(self, paths):
                    return [SettingsSection("greeter", Greeter)]
        """
        return ()

    @hookspec
    def ollm_settings_layers(self, ctx: HostContext) -> Sequence[SettingsLayer]:
        """Values between the user's file and the environment, such as a trusted project's.

        A layer cannot set what a `Setting` marks with `project=False`.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_settings_layers(self, ctx):
                    values = {"model": {"default": "llama3.1:8b"}}
                    return [SettingsLayer("team", Path("/etc/ollm/team.yaml"), values)]
        """
        return ()

    @hookspec
    def ollm_services(self, ctx: HostContext) -> Sequence[Service]:
        """Objects that other plugins find by the Protocol they fulfil.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Homebody:
                def __init__(self, host: HostContext) -> None:
                    self._host = host

                async def decide(self, request: ApprovalRequest) -> Decision:
                    subject = request.preview.subject if request.preview else ""
                    at_home = Path(subject).is_relative_to(self._host.workspace)
                    if at_home and request.tool.risk in ("read", "write"):
                        return Decision(allowed=True, reason="it is in this folder", by="homebody")
                    return Decision(allowed=False, reason="Only files in this folder may be touched.", by="homebody")

            class Plugin(Specs):
                @hookimpl
                def ollm_services(self, ctx):
                    return [Service("homebody", "ollm.api:ToolApprover", Homebody)]
        """
        return ()

    @hookspec
    def ollm_providers(self, ctx: HostContext) -> Sequence[ProviderEntry]:
        """Providers of models.

        `create` gets the `HostContext` and returns a `Provider`; it is called when the provider is first needed. What
        can be done beside, such as `count_tokens`, is found by the names of the methods: see
        [what a provider does](#what-a-provider-does).

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Parrot:
                name = "parrot"

                async def check(self) -> Health:
                    return Health("in this process", "1.0")

                async def list_models(self) -> Sequence[ModelInfo]:
                    return [ModelInfo("grey", context_window=4096, capabilities=("completion", "tools"))]

                async def show_model(self, name: str) -> ModelInfo:
                    if name != "grey":
                        raise ModelNotFound(f"The parrot has no model '{name}'", "It has grey.")
                    return (await self.list_models())[0]

                async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
                    words = request.messages[-1].content.split()
                    for word in words:
                        yield TextDelta(f"{word} ")
                    yield Finished("stop", Usage(prompt_tokens=len(words), completion_tokens=len(words)))

                async def count_tokens(self, model: str, text: str) -> int:
                    return len(text.split())

                async def aclose(self) -> None:
                    return

            class Plugin(Specs):
                @hookimpl
                def ollm_providers(self, ctx):
                    return [ProviderEntry("parrot", "Says what you say", lambda host: Parrot())]
        """
        return ()

    @hookspec
    def ollm_routing_profiles(self, ctx: HostContext) -> Sequence[RoutingProfile]:
        """Rules for choosing a model for a kind of work.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_routing_profiles(self, ctx):
                    return [
                        RoutingProfile(
                            "poetry",
                            "Verse, in any language",
                            preferred_families=("mistral", "llama"),
                            min_context_window=8192,
                            fallback_profile="creative",
                        )
                    ]
        """
        return ()

    @hookspec
    def ollm_model_limits(self, ctx: HostContext) -> Sequence[ModelLimits]:
        """Facts about models that the built-in database does not know.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_model_limits(self, ctx):
                    return [ModelLimits("acme-chat", "acme-chat:*", family="llama", context_window=32768)]
        """
        return ()

    @hookspec
    def ollm_tools(self, ctx: HostContext) -> Sequence[Tool]:
        """Tools that a model may call.

        A tool whose risk is not `none` runs only after an approval, for which its preview says what it would do. This one
        takes its parameters as a JSON Schema; [plugins.md](plugins.md) has one that takes them as a class.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            @dataclass(frozen=True)
            class Note:
                text: str
                file: str = "notes.txt"

            TEXT = {"type": "string"}
            SCHEMA = {"type": "object", "properties": {"text": TEXT, "file": TEXT}, "required": ["text"]}

            def place(ctx: ToolContext, note: Note) -> Path:
                return (ctx.turn.host.workspace / note.file).resolve()

            async def preview(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
                note = understood(arguments, Note)
                path = place(ctx, note)
                return ToolPreview(f"{path}: {note.text}", subject=str(path), always=str(path.parent), edits="text")

            async def append(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
                note = understood(arguments, Note)
                with place(ctx, note).open("a") as file:
                    print(note.text, file=file)
                return "Noted."

            class Plugin(Specs):
                @hookimpl
                def ollm_tools(self, ctx):
                    return [Tool("note", "Append a line to a file.", SCHEMA, append, risk="write", preview=preview)]
        """
        return ()

    @hookspec
    def ollm_commands(self, ctx: HostContext) -> Sequence[Command | CommandGroup]:
        """Commands, each for the shell and the REPL alike.

        Several plugins may add to one group.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def greet(ctx: CommandContext, name: str = "world") -> None:
                ctx.out.print(f"Hello, {name}!")

            class Plugin(Specs):
                @hookimpl
                def ollm_commands(self, ctx):
                    return [Command("greet", "Say hello.", greet)]
        """
        return ()

    @hookspec
    def ollm_project_detectors(self, ctx: HostContext) -> Sequence[ProjectDetector]:
        """Functions that recognize a type of project from its files.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def detect(ctx: DetectContext) -> Detection | None:
                if (ctx.folder / "mix.exs").is_file():
                    return Detection("elixir", ctx.folder, ("mix.exs",), 0.9)
                return None

            class Plugin(Specs):
                @hookimpl
                def ollm_project_detectors(self, ctx):
                    return [ProjectDetector("elixir", detect)]
        """
        return ()

    @hookspec
    def ollm_project_profiles(self, ctx: HostContext) -> Sequence[ProjectProfile]:
        """What suits a type of project: model, system prompt, tools.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_project_profiles(self, ctx):
                    return [ProjectProfile("elixir", "Elixir with mix", system_prompt="Prefer pattern matching.")]
        """
        return ()

    @hookspec
    def ollm_prompt_parts(self, ctx: HostContext) -> Sequence[PromptPart]:
        """Parts of the system prompt, rendered anew in each turn.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_prompt_parts(self, ctx):
                    return [PromptPart("today", lambda turn: f"Today is {date.today():%A}.")]
        """
        return ()

    @hookspec
    def ollm_request_adjusters(self, ctx: HostContext) -> Sequence[RequestAdjuster]:
        """The last word on a request before it is sent: options, limits.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def short(request: ChatRequest, turn: TurnContext) -> ChatRequest:
                return replace(request, options=replace(request.options, max_tokens=100))

            class Plugin(Specs):
                @hookimpl
                def ollm_request_adjusters(self, ctx):
                    return [RequestAdjuster("short", short)]
        """
        return ()

    @hookspec
    def ollm_stream_adjusters(self, ctx: HostContext) -> Sequence[StreamAdjuster]:
        """What stands between a conversation and the provider: sends another request, or changes the events.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            async def softened(stream: StreamContext) -> AsyncIterator[Event]:
                async for event in stream.send(stream.request):
                    calm = isinstance(event, TextDelta)
                    yield TextDelta(event.text.replace("!", ".")) if calm else event

            class Plugin(Specs):
                @hookimpl
                def ollm_stream_adjusters(self, ctx):
                    return [StreamAdjuster("soft", softened)]
        """
        return ()

    @hookspec
    def ollm_result_adjusters(self, ctx: HostContext) -> Sequence[ResultAdjuster]:
        """The last word on what a tool has returned, before the model reads it.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def short(result: ToolReturned, tool: ToolContext) -> ToolReturned:
                return replace(result, content=result.content[:10_000])

            class Plugin(Specs):
                @hookimpl
                def ollm_result_adjusters(self, ctx):
                    return [ResultAdjuster("short", short)]
        """
        return ()

    @hookspec
    def ollm_root_options(self, ctx: HostContext) -> Sequence[RootOption]:
        """Options of `ollm` itself, that change what is to be said or how; a setting's flag needs no such thing.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def shout(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
                return replace(context, prompt=context.prompt.upper())

            class Plugin(Specs):
                @hookimpl
                def ollm_root_options(self, ctx):
                    return [RootOption("shout", ("--shout",), "Send the prompt in capitals.", prepare=shout)]
        """
        return ()

    @hookspec
    def ollm_value_completers(self, ctx: HostContext) -> Sequence[ValueCompleter]:
        """What knows the values that a command's parameter takes, while the user types.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def planets(ctx: CompletionContext) -> list[tuple[str, str]]:
                return [(name, "a planet") for name in ("mars", "venus") if name.startswith(ctx.typed)]

            def visit(planet: Annotated[str, Completes("planet")]) -> None:
                print(f"On to {planet}.")

            class Plugin(Specs):
                @hookimpl
                def ollm_value_completers(self, ctx):
                    return [ValueCompleter("planet", planets)]

                @hookimpl
                def ollm_commands(self, ctx):
                    return [Command("visit", "Visit a planet.", visit)]
        """
        return ()

    @hookspec
    def ollm_turn_observers(self, ctx: HostContext) -> Sequence[TurnObserver]:
        """Listeners that are told of events and of finished turns.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_turn_observers(self, ctx):
                    def count(turn: TurnRecord) -> None:
                        ctx.notify(Notice("tokens-counted", f"The answer has {turn.usage.completion_tokens} tokens."))

                    return [TurnObserver("counter", on_turn=count)]
        """
        return ()

    @hookspec
    def ollm_status_items(self, ctx: HostContext) -> Sequence[StatusItem]:
        """A few words each for the status bar.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_status_items(self, ctx):
                    return [StatusItem("load", lambda ctx: f"load {os.getloadavg()[0]:.1f}")]
        """
        return ()

    @hookspec
    def ollm_background_tasks(self, ctx: HostContext) -> Sequence[BackgroundTask]:
        """Work beside an interactive conversation.

        It begins with the conversation, on the event loop that answers, and is cancelled when the program ends. It
        must not block: whatever waits is awaited.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            async def remind(ctx: HostContext) -> None:
                while True:
                    await asyncio.sleep(3600)
                    ctx.notify(Notice("pause", "An hour has passed; stretch your legs."))

            class Plugin(Specs):
                @hookimpl
                def ollm_background_tasks(self, ctx):
                    return [BackgroundTask("pause", remind)]
        """
        return ()

    @hookspec
    def ollm_templates(self, ctx: HostContext) -> Sequence[Template]:
        """Prompts with variables.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            class Plugin(Specs):
                @hookimpl
                def ollm_templates(self, ctx):
                    return [Template("haiku", "A haiku about anything", "Write a haiku about {subject:the sea}.")]
        """
        return ()

    @hookspec
    def ollm_frontends(self, ctx: HostContext) -> Sequence[Frontend]:
        """Ways to hold a conversation: for one prompt, or interactively.

        The first of a kind is used; ollm's own come last.

        :param ctx: paths, settings and services
        :return: none, one or several; names are unique among all plugins

        Example::

            def run(ctx: FrontendContext) -> int:
                async def listen() -> str:
                    return [event async for event in ctx.app.conversation().ask(ctx.prompt)][-1].reason

                return ExitCode.DONE if ctx.app.run(listen()) == "stop" else ExitCode.FAILED

            class Plugin(Specs):
                @hookimpl
                def ollm_frontends(self, ctx):
                    return [Frontend("quiet", "once", run)]
        """
        return ()
