"""Do the commands that look back at the last turn, or take an answer away, do what they say?"""

from __future__ import annotations

import base64
import io
import json
import re
import resource
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ollm.api import (
    CompletionContext,
    Conversation,
    Finished,
    OllmError,
    Specs,
    StatusContext,
    TextDelta,
    ThinkingDelta,
    Tool,
    ToolCall,
    Usage,
    UsageError,
    hookimpl,
)
from ollm_plugins.repl import status, taking
from ollm_plugins.repl.plugin import Plugin
from ollm_plugins.repl.review import themes
from ollm_plugins.repl.slash import Slash
from ollm_plugins.repl.taking import Snippet, snippets

ANSWER = "Here:\n\n```python\nx = 1\n```\n\nand\n\n- so:\n  ```\n  y\n    z\n  ```\n"


async def _read(ctx: object, args: dict[str, str]) -> str:
    return f"one\ntwo\x1b[2J\n{args['path']}\n"


class Reads(Specs):
    @hookimpl
    def ollm_tools(self, ctx: object) -> list[Tool]:
        schema = {"type": "object", "properties": {"path": {"type": "string"}}}
        return [Tool("read", "Read.", schema, _read, risk="none")]


class Talk:
    """A conversation in the REPL."""

    def __init__(self, harness: Any) -> None:
        self.app = harness.app
        self._stdout: io.StringIO = harness.stdout
        self.conversation: Conversation = harness.app.conversation()

    def say(self, prompt: str) -> None:
        async def hold() -> None:
            async for _ in self.conversation.ask(prompt):
                continue

        self.app.run(hold())

    def run(self, line: str) -> str:
        before = len(self._stdout.getvalue())
        Slash(self.app, self.conversation).run(shlex.split(line))
        return self._stdout.getvalue()[before:]


@pytest.fixture
def talk(ollm_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Talk]:
    monkeypatch.chdir(tmp_path)
    return lambda *replies, **more: Talk(ollm_app(Plugin, Reads, replies=list(replies), **more))


def test_tool_shows_a_whole_result(talk: Callable[..., Talk]) -> None:
    held = talk(ToolCall("1", "read", {"path": "a"}), ToolCall("2", "read", {"path": "b"}), "Done")
    held.say("Read")
    assert held.run("tool") == "one\ntwo␛[2J\nb\n"
    assert held.run("tool 1") == "one\ntwo␛[2J\na\n"
    assert json.loads(held.run("tool 1 --json")) == {"tool": "read", "content": "one\ntwo\x1b[2J\na\n", "of": 2}
    with pytest.raises(UsageError, match="no tool result 3. It has 2"):
        held.run("tool 3")
    held.say("And now?")
    with pytest.raises(UsageError, match="No tool was called"):
        held.run("tool")


def test_thinking_shows_the_last_thoughts(talk: Callable[..., Talk]) -> None:
    events = [ThinkingDelta("Hm\x1b, "), ThinkingDelta("well."), TextDelta("Yes"), Finished("stop")]
    held = talk(events, "No thoughts")
    held.say("Why?")
    assert held.run("thinking") == "Hm␛, well.\n"
    assert json.loads(held.run("thinking --json")) == {"thinking": ["Hm\x1b, well."]}
    held.say("Why?")
    with pytest.raises(UsageError, match="said nothing of its thoughts"):
        held.run("thinking")


def test_stats_are_the_servers(talk: Callable[..., Talk]) -> None:
    usage = Usage(prompt_tokens=7, completion_tokens=10, completion_seconds=0.5)
    held = talk([TextDelta("Yes"), Finished("stop", usage)])
    with pytest.raises(UsageError, match="no turn yet"):
        held.run("stats")
    held.say("Why?")
    assert re.fullmatch(
        r"scripted/scripted:1b: 10 tokens · 20\.0 tokens/s · first after 0\.\d s · 0\.\d s in all · 7 tokens read\n",
        held.run("stats"),
    )
    assert json.loads(held.run("stats --json"))["tokensPerSecond"] == 20.0


def test_theme_holds_for_the_session(talk: Callable[..., Talk]) -> None:
    held = talk()
    assert held.run("theme").splitlines()[:2] == ["* dark", "  light"]
    assert held.run("theme light") == "* light\n"
    assert json.loads(held.run("theme --json"))["theme"] == "light"
    assert themes(CompletionContext(held.app.context, "solar")) == [("solarized-dark", ""), ("solarized-light", "")]
    with pytest.raises(UsageError, match="no theme 'ligth'; did you mean light"):
        held.run("theme ligth")


def test_snippets_are_taken_out_without_what_surrounds_them() -> None:
    assert snippets(ANSWER) == [Snippet("python", "x = 1\n"), Snippet("", "y\n  z\n")]
    assert snippets("> ~~~SH x\n> ls\n> ~~~\n````\n```\na\n````\n```c\nopen") == [
        Snippet("sh", "ls\n"),
        Snippet("", "```\na\n"),
        Snippet("c", "open\n"),
    ]
    assert snippets("none `here` ```x```") == []


def test_save_writes_the_answer_or_code(talk: Callable[..., Talk], tmp_path: Path) -> None:
    held = talk(ANSWER)
    with pytest.raises(UsageError, match="no answer yet"):
        held.run("save a.md")
    held.say("Code?")
    assert held.run("save a.md") == "Saved 13 lines as a.md\n"
    assert (tmp_path / "a.md").read_text() == ANSWER
    assert held.run("save a.py --code 1") == "Saved 1 line as a.py\n"
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    held.run("save b --code 0")
    assert (tmp_path / "b").read_text() == "y\n  z\n"
    with pytest.raises(UsageError, match="there already. --force"):
        held.run("save a.py --code 2")
    held.run("save a.py --code 2 --force")
    assert (tmp_path / "a.py").read_text() == "y\n  z\n"
    with pytest.raises(UsageError, match="no block of code 3. It has 2"):
        held.run("save c --code 3")
    with pytest.raises(UsageError, match="is a folder"):
        held.run("save .")
    with pytest.raises(OllmError, match="cannot be written: No such file"):
        held.run("save no/such/folder")


def test_a_file_that_cannot_be_written_anew_stays_as_it_was(talk: Callable[..., Talk], tmp_path: Path) -> None:
    held = talk(ANSWER)
    held.say("Code?")
    (tmp_path / "a.md").write_text("precious")
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, usual[1]))  # as a disk that becomes full
    try:
        with pytest.raises(OllmError, match="could not be written"):
            held.run("save a.md --force")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (tmp_path / "a.md").read_text() == "precious"


class Clipboard:
    """Stands where the system's clipboard is, which tests must not change."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
        import pyperclip

        self.text = ""

        def copy(text: str) -> None:
            if not there:
                raise pyperclip.PyperclipException("no tool")
            self.text = text

        monkeypatch.setattr(pyperclip, "copy", copy)
        for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(variable, raising=False)


def test_copy_uses_the_clipboard(talk: Callable[..., Talk], monkeypatch: pytest.MonkeyPatch) -> None:
    clipboard = Clipboard(monkeypatch, there=True)
    held = talk(ANSWER)
    held.say("Code?")
    assert held.run("copy") == "Copied 13 lines (the system's clipboard)\n"
    assert clipboard.text == ANSWER
    assert held.run("copy code 1") == "Copied 1 line (the system's clipboard)\n"
    assert clipboard.text == "x = 1\n"
    with pytest.raises(UsageError, match="'cod' cannot be copied"):
        held.run("copy cod")


@pytest.mark.parametrize(
    ("variable", "tool"), [("DISPLAY", "xclip"), ("DISPLAY", "xsel"), ("WAYLAND_DISPLAY", "wl-copy")]
)
def test_a_clipboard_tool_that_fails_is_not_believed(
    talk: Callable[..., Talk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, tool: str
) -> None:
    Clipboard(monkeypatch, there=True)
    monkeypatch.setenv(variable, ":99")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda name: str(tmp_path / name) if name == tool else None)
    held = talk(ANSWER)
    held.say("Code?")
    (tmp_path / tool).write_text(f"#!/bin/sh\ncat > {tmp_path}/copied\n")
    (tmp_path / tool).chmod(0o755)
    assert held.run("copy code 1") == "Copied 1 line (the system's clipboard)\n"
    assert (tmp_path / "copied").read_text() == "x = 1\n"
    (tmp_path / tool).write_text("#!/bin/sh\necho cannot open display >&2\nexit 1\n")
    monkeypatch.setattr(type(held.app.out), "is_terminal", True)
    assert f"as {tool} failed" in held.run("copy")


def test_copy_asks_the_terminal_where_there_is_no_tool(
    talk: Callable[..., Talk], monkeypatch: pytest.MonkeyPatch
) -> None:
    Clipboard(monkeypatch, there=False)
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    held = talk(ANSWER)
    held.say("Code?")
    with pytest.raises(OllmError, match="no clipboard here. Save it"):
        held.run("copy")
    monkeypatch.setattr(type(held.app.out), "is_terminal", True)
    sequence, _, said = held.run("copy code 1").partition("\x07")
    assert sequence == f"\x1b]52;c;{base64.b64encode(b'x = 1' + bytes([10])).decode()}"
    assert "OSC 52" in said
    monkeypatch.setattr(taking, "MOST", 4)
    with pytest.raises(OllmError, match="too long for the terminal's clipboard"):
        held.run("copy")


def test_the_status_bar_names_who_answers(talk: Callable[..., Talk]) -> None:
    held = talk(settings="model: {default: 'acme:1b'}")
    assert status.render(StatusContext(held.app.context)) == "acme:1b"
    assert status.render(StatusContext(held.app.context, "acme", "m:1b")) == "acme/m:1b"
    assert status.render(StatusContext(talk(settings="{}").app.context)) is None
