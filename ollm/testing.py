"""How do the authors of plugins test them?

A pytest plugin, there for everyone who has ollm installed. The fixture `ollm_app` makes a real `App` with
nothing but the given plugins, a home folder of its own and a provider that answers from a script::

    def test_a_model_rolls(ollm_app):
        ollm = ollm_app(Plugin, replies=[ToolCall("1", "roll_dice", {"sides": 1}), "A one."])
        assert ollm.ask("Roll!").text == "A one."
        assert ollm.provider.requests[1].messages[-1].content == "1"
        assert ollm.run_command("dice roll --sides 1 --json").json == {"number": 1}

This module is imported in every run of pytest, so it imports ollm only inside functions.
"""

from __future__ import annotations

import contextlib
import io
import json
import shlex
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ollm.app import App
    from ollm.host import Failure, PluginRecord
    from ollm.messages import ChatRequest, Event, ToolCall
    from ollm.providers import Health, ModelInfo

    Reply = str | ToolCall | Exception | Sequence[Event]
    """One answer: its text, a tool to be called, something to raise, or every event as it is to come."""

__all__ = ["Harness", "MakeHarness", "Result", "ScriptedProvider", "Turn", "make_harness", "ollm_app", "ollm_home"]


class ScriptedProvider:
    """A provider that answers from a script and keeps every request; the script's last answer stays.

    :param replies: one for each request
    :param models: what it has to chat with, the default first
    """

    def __init__(
        self, replies: Sequence[Reply] = ("ok",), *, name: str = "scripted", models: Sequence[str] = ("scripted:1b",)
    ) -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self._replies = list(replies)
        self._models = tuple(models)

    async def check(self) -> Health:
        """Be there."""
        from ollm.providers import Health

        return Health("memory", "1")

    async def list_models(self) -> Sequence[ModelInfo]:
        """List the models."""
        return [await self.show_model(name) for name in self._models]

    async def show_model(self, name: str) -> ModelInfo:
        """Tell about a model.

        :raises ModelNotFound: it is not one of the provider's
        """
        from ollm.errors import ModelNotFound
        from ollm.providers import ModelInfo

        if name not in self._models:
            raise ModelNotFound(f"The scripted provider has no model '{name}'", f"It has {', '.join(self._models)}.")
        return ModelInfo(name, family="scripted", context_window=4096, capabilities=("completion", "tools"))

    async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        """Give the next answer of the script."""
        self.requests.append(request)
        reply = self._replies[min(len(self.requests), len(self._replies)) - 1]
        for event in _events(reply):
            yield event

    async def aclose(self) -> None:
        """Hold nothing, so give nothing back."""


def _events(reply: Reply) -> Sequence[Event]:
    """:raises Exception: the reply, if it is one."""
    from ollm.messages import Finished, TextDelta, ToolCall, ToolCalled, Usage

    if isinstance(reply, Exception):
        raise reply
    finished = Finished("stop", Usage(prompt_tokens=1, completion_tokens=1))
    if isinstance(reply, str):
        return (*(TextDelta(word) for word in reply.splitlines(keepends=True)), finished)
    return (ToolCalled(reply), finished) if isinstance(reply, ToolCall) else reply


@dataclass(frozen=True)
class Result:
    """What a command did.

    :param error: what ended it, if anything did
    """

    exit_code: int
    stdout: str
    stderr: str
    error: Exception | None = None

    @property
    def json(self) -> Any:
        """The JSON document that it wrote."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class Turn:
    """What came of a prompt."""

    text: str
    events: tuple[Event, ...]


@dataclass
class Harness:
    """An app and what surrounds it.

    :param provider: answers, unless a plugin brings a provider or the settings choose another
    """

    app: App
    provider: ScriptedProvider
    stdout: io.StringIO
    stderr: io.StringIO

    @property
    def failures(self) -> list[Failure]:
        """What plugins did wrong; stays empty in strict mode, where it is raised instead."""
        return self.app.host.failures

    def run_command(self, line: str) -> Result:
        """Run a command line as a user types it after `ollm`; options before a command are not known here."""
        from ollm.command_tree import tree
        from ollm.commands import dispatch, root_group
        from ollm.contexts import CommandContext
        from ollm.errors import OllmError

        hub = self.app.hub
        before = len(self.stdout.getvalue()), len(self.stderr.getvalue())
        error, code = None, 0
        with contextlib.redirect_stdout(self.stdout), contextlib.redirect_stderr(self.stderr):
            try:
                group = root_group(tree(hub, "shell"), hub, CommandContext(self.app, "shell"), None)
                code = dispatch(group, shlex.split(line), "ollm")
            except OllmError as raised:
                error, code = raised, int(raised.exit_code)
                self.app.out.say(f"ollm: {raised}")
        return Result(code, self.stdout.getvalue()[before[0] :], self.stderr.getvalue()[before[1] :], error)

    def ask(self, prompt: str) -> Turn:
        """Hold one turn in a new conversation.

        :raises OllmError: nobody could answer
        """
        from ollm.messages import TextDelta

        async def hold() -> tuple[Event, ...]:
            return tuple([event async for event in self.app.conversation().ask(prompt)])

        events = self.app.run(hold())
        return Turn("".join(event.text for event in events if isinstance(event, TextDelta)), events)


@dataclass(frozen=True)
class _Given:
    """An entry point of a plugin that is not installed."""

    name: str
    given: object
    value: str = "ollm.testing:_Given"
    group: str = "ollm"
    dist: None = None

    def load(self) -> object:
        return self.given


def _record(plugin: object, taken: Sequence[str]) -> PluginRecord:
    from ollm.host import PluginRecord

    kind = plugin if isinstance(plugin, type) else type(plugin)
    name = kind.__name__.lower()
    unique = name if name not in taken else f"{name}-{len(taken) + 1}"
    return PluginRecord(_Given(unique, plugin), first_party=False)  # type: ignore[arg-type]  # all that is used of one


def _provider_plugin(provider: ScriptedProvider) -> object:
    from ollm.contributions import ProviderEntry
    from ollm.specs import Specs, hookimpl

    class Scripted(Specs):
        @hookimpl
        def ollm_providers(self, ctx: object) -> list[ProviderEntry]:  # noqa: ARG002  (the hook's signature)
            return [ProviderEntry(provider.name, "Answers from a script", lambda _: provider, order=1000)]

    return Scripted


def make_harness(
    home: Path,
    *plugins: object,
    replies: Sequence[Reply] = ("ok",),
    settings: str | None = None,
    environ: Mapping[str, str] | None = None,
    strict: bool = True,
) -> Harness:
    """Make an app with nothing but the given plugins.

    :param home: its OLLM_HOME
    :param plugins: classes, or their objects, as an entry point names them
    :param replies: what the scripted provider answers
    :param settings: the text of config.yaml; None leaves it as it is
    :param environ: variables; none is taken from the surroundings
    :param strict: raise when a plugin fails, instead of going on without it
    """
    from ollm.app import App
    from ollm.output import Output

    provider = ScriptedProvider(replies)
    if settings is not None:
        (home / "config.yaml").write_text(settings, encoding="utf-8")
    records: list[PluginRecord] = []
    for plugin in (*plugins, _provider_plugin(provider)):
        records.append(_record(plugin, [record.name for record in records]))
    stdout, stderr = io.StringIO(), io.StringIO()
    surroundings = {"OLLM_HOME": str(home), **(environ or {})}
    app = App(surroundings, output=Output(stdout, stderr), strict_plugins=strict, records=records)
    return Harness(app, provider, stdout, stderr)


MakeHarness = Callable[..., Harness]
"""The fixture `ollm_app`: `make_harness` without `home`."""


@pytest.fixture
def ollm_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home folder, which OLLM_HOME names in this process and its children."""
    home = tmp_path / "ollm-home"
    home.mkdir()
    monkeypatch.setenv("OLLM_HOME", str(home))
    return home


@pytest.fixture
def ollm_app(ollm_home: Path) -> Iterator[MakeHarness]:
    """Make apps: `ollm_app(Plugin, replies=[…], settings="…", environ={…})`; each is closed after the test."""
    with contextlib.ExitStack() as opened:

        def make(*plugins: object, **options: Any) -> Harness:
            harness = make_harness(ollm_home, *plugins, **options)
            opened.callback(harness.app.close)
            return harness

        yield make
