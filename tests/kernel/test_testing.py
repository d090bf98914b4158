"""Does the pytest plugin give authors an app that behaves as the real one?"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from ollm.api import (
    Command,
    CommandContext,
    Finished,
    Notice,
    OllmError,
    PluginError,
    PromptPart,
    Provider,
    ProviderEntry,
    ProviderUnreachable,
    Setting,
    SettingsSection,
    Specs,
    TextDelta,
    Tool,
    ToolCall,
    hookimpl,
)
from ollm.testing import MakeHarness, ScriptedProvider


@dataclass(frozen=True)
class Echo:
    times: Annotated[int, Setting("How often.", env=("ECHO_TIMES",), ge=1)] = 1


def echo(ctx: CommandContext, text: str) -> None:
    ctx.out.print(text * ctx.app.settings.section(Echo).times)
    ctx.app.context.notify(Notice("echoed", "It was echoed."))


def broken() -> None:
    raise RuntimeError("boom")


async def shout(ctx: object, arguments: dict[str, str]) -> str:
    return arguments["text"].upper()


class Plugin(Specs):
    @hookimpl
    def ollm_settings_sections(self, paths):
        return [SettingsSection("echo", Echo)]

    @hookimpl
    def ollm_commands(self, ctx):
        return [Command("echo", "Say it again.", echo), Command("broken", "Fail.", broken)]

    @hookimpl
    def ollm_tools(self, ctx):
        return [Tool("shout", "Shout.", {"type": "object"}, shout, risk="none")]


class Other(Specs):
    @hookimpl
    def ollm_prompt_parts(self, ctx):
        return [PromptPart("other", lambda turn: f"Answer as {turn.model}.")]


def test_a_command_is_run(ollm_app: MakeHarness) -> None:
    ollm = ollm_app(Plugin)
    result = ollm.run_command("echo 'a b'")
    assert (result.exit_code, result.stdout, result.stderr, result.error) == (
        0,
        "a b\n",
        "ollm: It was echoed.\n",
        None,
    )
    assert ollm.run_command("echo '[1]'").json == [1]


def test_a_wrong_command_line_is_a_result(ollm_app: MakeHarness) -> None:
    result = ollm_app(Plugin).run_command("echo")
    assert result.exit_code == 2
    assert "missing argument" in result.stderr
    assert isinstance(result.error, OllmError)


def test_help_is_a_result(ollm_app: MakeHarness, capsys: pytest.CaptureFixture[str]) -> None:
    ollm = ollm_app(Plugin)
    assert "Say it again." in ollm.run_command("--help").stdout
    assert "Usage: ollm echo" in ollm.run_command("echo --help").stdout
    assert capsys.readouterr() == ("", "")


def test_settings_and_variables_hold_and_nothing_comes_from_outside(
    ollm_app: MakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_TIMES", "9")
    assert ollm_app(Plugin).run_command("echo a").stdout == "a\n"
    assert ollm_app(Plugin, environ={"ECHO_TIMES": "3"}).run_command("echo a").stdout == "aaa\n"
    assert ollm_app(Plugin, settings="echo: {times: 2}").run_command("echo a").stdout == "aa\n"
    assert ollm_app(Plugin, settings="echo: {times: 0}").run_command("echo a").exit_code == 2


def test_a_failing_plugin_raises_unless_failures_are_wanted(ollm_app: MakeHarness) -> None:
    result = ollm_app(Plugin).run_command("broken")
    assert result.exit_code == 1
    assert isinstance(result.error, PluginError)
    assert isinstance(result.error.__cause__, RuntimeError)
    ollm = ollm_app(Plugin, strict=False)
    assert "boom" in ollm.run_command("broken").stderr
    assert [failure.cause for failure in ollm.failures] == ["RuntimeError: boom"]

    class Unloadable:
        def __init__(self) -> None:
            raise RuntimeError("never")

    with pytest.raises(PluginError, match="unloadable"):
        ollm_app(Unloadable)


def test_a_turn_is_held_with_all_plugins_and_its_requests_are_kept(ollm_app: MakeHarness) -> None:
    ollm = ollm_app(Plugin, Other(), replies=[ToolCall("1", "shout", {"text": "hi"}), "Two\nlines"])
    turn = ollm.ask("Shout hi")
    assert turn.text == "Two\nlines"
    assert [event.type for event in turn.events] == [
        "toolCall",
        "toolDecision",
        "toolResult",
        "text",
        "text",
        "finished",
    ]
    first, second = ollm.provider.requests
    assert [message.content for message in first.messages] == ["Answer as scripted:1b.", "Shout hi"]
    assert first.tools[0].name == "shout"
    assert second.messages[-1].content == "HI"


def test_the_last_reply_stays_and_events_come_as_they_are(ollm_app: MakeHarness) -> None:
    ollm = ollm_app(replies=["one", [TextDelta("t"), TextDelta("wo"), Finished("length")]])
    assert [ollm.ask("?").text for _ in range(3)] == ["one", "two", "two"]
    assert ollm.ask("?").events[-1] == Finished("length")


def test_a_reply_may_be_an_error(ollm_app: MakeHarness) -> None:
    with pytest.raises(ProviderUnreachable, match="gone"):
        ollm_app(replies=[ProviderUnreachable("gone")]).ask("?")


def test_a_provider_of_the_plugin_comes_first(ollm_app: MakeHarness) -> None:
    mine = ScriptedProvider(["mine"], name="mine", models=("mine:7b",))

    class Mine(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry("mine", "Mine", lambda ctx: mine)]

    ollm = ollm_app(Mine)
    assert ollm.ask("?").text == "mine"
    assert ollm_app(Mine, settings="model: {provider: scripted}").ask("?").text == "ok"
    assert (mine.requests[0].model, ollm.provider.requests) == ("mine:7b", [])


def test_the_scripted_provider_is_a_provider() -> None:
    assert isinstance(ScriptedProvider(), Provider)


def test_the_home_is_empty_and_named(ollm_home: Path, ollm_app: MakeHarness) -> None:
    assert list(ollm_home.iterdir()) == []
    assert ollm_app().app.paths.home == ollm_home
    command = "import os; print(os.environ['OLLM_HOME'])"
    assert subprocess.check_output([sys.executable, "-c", command], text=True).strip() == str(ollm_home)


def test_whoever_tests_something_else_does_not_pay(tmp_path: Path) -> None:
    code = (
        "import pytest, sys; before = set(sys.modules); import ollm.testing; print(sorted(set(sys.modules) - before))"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=tmp_path)
    loaded = {name for name in eval(said) if name.startswith(("ollm", "msgspec", "typer", "pluggy", "pydantic"))}
    assert loaded == {"ollm", "ollm.testing"}
