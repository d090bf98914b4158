"""What does a person see who is asked whether a tool may run? The real program in a real terminal."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.screen import OLLM, Terminal

Open = Callable[..., Terminal]
ASKED = r"^\[y yes, .*n no\]"

PLUGIN = '''
"""A provider that calls the tools that the prompt names, and two tools."""

import asyncio
import json
from pathlib import Path

from ollm.api import (
    Finished, Health, Message, ModelInfo, ProviderEntry, Specs, TextDelta, Tool, ToolCall, ToolCalled, ToolPreview,
    hookimpl,
)


class Calling:
    name = "calling"

    def __init__(self, host):
        pass

    async def check(self):
        return Health("here", "1")

    async def list_models(self):
        return [await self.show_model("calling:1b")]

    async def show_model(self, name):
        return ModelInfo(name, context_window=65536, capabilities=("completion", "tools"))

    async def chat(self, request):
        last = request.messages[-1]
        if last.role == "user" and last.content.startswith("["):
            while "slowly" in last.content and not Path("go-on").exists():
                await asyncio.sleep(0.01)
            for number, (name, arguments) in enumerate(json.loads(last.content)):
                yield ToolCalled(ToolCall(str(number), name, arguments))
        else:
            told = [message.content for message in request.messages if message.role == "tool"]
            yield TextDelta(f"Told: {told[-1]!r}" if told else "Nothing was told")
        yield Finished("stop")

    async def aclose(self):
        pass


async def preview(ctx, arguments):
    command = arguments["command"]
    return ToolPreview(command, "command", command, " ".join(command.split()[:2]), edits="command")


async def do(ctx, arguments):
    with Path("done").open("a") as file:
        file.write(arguments["command"] + "\\n")
    return "done"


async def preview_change(ctx, arguments):
    path = Path.cwd() / arguments["path"]
    return ToolPreview("--- a\\n+++ b\\n-old\\n+new\\x1b[2J", "diff", str(path), str(path.parent), edits="text")


async def wait(ctx, arguments):
    await asyncio.sleep(0.5)
    Path("waited").touch()
    return "waited"


class Plugin(Specs):
    @hookimpl
    def ollm_providers(self, ctx):
        return [ProviderEntry("calling", "Calls tools", Calling, order=90)]

    @hookimpl
    def ollm_tools(self, ctx):
        return [
            Tool("wait_it", "Waits.", {"type": "object"}, wait, "none"),
            Tool("do_it", "Does it.", {"type": "object"}, do, "execute", preview),
            Tool("change_it", "Changes it.", {"type": "object"}, do, "write", preview_change),
        ]
'''


@pytest.fixture
def home(tmp_path: Path) -> Path:
    metadata = tmp_path / "site" / "calling-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: calling\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ollm]\ncalling = calling:Plugin\n")
    (tmp_path / "site" / "calling.py").write_text(PLUGIN)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def variables(home: Path, **more: str) -> dict[str, Any]:
    site = str(home.parent / "site")
    return {"PYTHONPATH": site, "OLLM_PROVIDER": "calling", "OLLM_MODEL": "calling:1b", "NO_COLOR": "1", **more}


@pytest.fixture
def open_terminal(home: Path) -> Iterator[Open]:
    with ExitStack() as opened:

        def start(*arguments: str, wait: bool = True, **options: Any) -> Terminal:
            environ = variables(home, **options.pop("environ", {}))
            terminal = opened.enter_context(Terminal(home, environ, *arguments, **{"columns": 160, **options}))
            if wait:
                terminal.wait_for_prompt()
            return terminal

        yield start


def wish(*commands: str, name: str = "do_it") -> str:
    return json.dumps([[name, {"command": command}] for command in commands])


def done(home: Path) -> list[str]:
    file = home / "done"
    return file.read_text().splitlines() if file.exists() else []


def answered(terminal: Terminal, text: str) -> None:
    """Answer the question that is open, and wait until the turn is over."""
    terminal.wait_until(lambda: terminal.cursor_line.startswith("[y"), "the question")
    terminal.send_line(text)


def test_yes(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    terminal.wait_for(r"^The model wants to use do_it \(execute\)\n\$ git status\n" + ASKED)
    assert done(home) == [], "nothing runs before the answer"
    answered(terminal, "y")
    terminal.wait_for("^Told: 'done'")
    assert done(home) == ["git status"]


@pytest.mark.parametrize("answer", ["n", "maybe", "ya", "", "always"])
def test_anything_but_yes_is_no_and_the_reason_is_told(open_terminal: Open, home: Path, answer: str) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    answered(terminal, answer)
    terminal.wait_until(lambda: terminal.cursor_line.startswith("Why not?"), "the question why")
    terminal.send_line("use git log")
    terminal.wait_for("^Told: 'The user said no: use git log'")
    assert done(home) == []


def test_always_holds_until_the_program_ends(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status", "git status -s", "git push"))
    answered(terminal, "a")
    terminal.wait_for(r"^\$ git push")
    answered(terminal, "n")
    terminal.send_line("")
    terminal.wait_for_prompt()
    assert done(home) == ["git status", "git status -s"]
    terminal.ask("/permissions")
    terminal.wait_for(r"do_it +command git status +this session")
    terminal.ask("/permissions forget 1")
    terminal.send_line(wish("git status"))
    answered(terminal, "n")


def test_edit_in_place(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    answered(terminal, "e")
    terminal.wait_until(lambda: terminal.cursor_line == "edit: git status", "the command to change")
    terminal.send_line(" --short")
    terminal.wait_for(r"^\$ git status --short\n" + ASKED)
    assert done(home) == [], "what was changed is asked about again"
    answered(terminal, "y")
    terminal.wait_for_prompt()
    assert done(home) == ["git status --short"]


def test_edit_of_several_lines_opens_an_editor(open_terminal: Open, home: Path) -> None:
    editor = home / "my editor"
    editor.write_text('#!/bin/sh\nprintf "two\\nlines" > "$1"\n')
    editor.chmod(editor.stat().st_mode | stat.S_IXUSR)
    terminal = open_terminal(environ={"EDITOR": "false", "VISUAL": f"'{editor}'"})
    terminal.send_line(wish("a\nb\nc"))
    answered(terminal, "e")
    terminal.wait_for(r"^\$ two\n> lines\n" + ASKED)
    answered(terminal, "y")
    terminal.wait_for_prompt()
    assert done(home) == ["two", "lines"]


def test_an_editor_that_fails_changes_nothing(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(environ={"EDITOR": "/nowhere/vi"})
    terminal.send_line(wish("a\nb"))
    answered(terminal, "e")
    terminal.wait_for(r"^The editor failed: .*/nowhere/vi")
    answered(terminal, "n")
    terminal.send_line("")
    terminal.wait_for_prompt()
    assert done(home) == []


def test_ctrl_c_ends_the_turn(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status", "git log"))
    terminal.wait_for(ASKED)
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]")
    terminal.wait_for_prompt()
    assert done(home) == []
    terminal.ask("go on")
    terminal.wait_for("^Told: 'Interrupted by the user.'")
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0


@pytest.mark.parametrize("where", ["the reason", "the edit"])
def test_ctrl_c_ends_the_turn_wherever_it_is_pressed(open_terminal: Open, home: Path, where: str) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    answered(terminal, "n" if where == "the reason" else "e")
    start = "Why not?" if where == "the reason" else "edit: "
    terminal.wait_until(lambda: terminal.cursor_line.startswith(start), where)
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]")
    terminal.wait_for_prompt()
    assert done(home) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_at_the_question_approves_of_nothing(open_terminal: Open, home: Path, number: signal.Signals) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    terminal.wait_for(ASKED)
    terminal.signal(number)
    if number is signal.SIGINT:
        terminal.wait_for_prompt()
    else:
        assert terminal.wait_for_end() == 128 + number
    assert done(home) == []


def test_a_terminal_that_goes_away_approves_of_nothing(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    terminal.wait_for(ASKED)
    terminal.hang_up()
    assert done(home) == []


def test_ctrl_d_is_no(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    terminal.wait_for(ASKED)
    terminal.press("c-d")
    terminal.wait_for("^Told: 'The user said no")
    assert done(home) == []


@pytest.mark.parametrize("kind", ["xterm-256color", "dumb"])
@pytest.mark.parametrize("when", ["with the prompt", "during the turn"])
def test_what_was_typed_before_does_not_answer(open_terminal: Open, home: Path, when: str, kind: str) -> None:
    terminal = open_terminal(environ={"TERM": kind})
    if when == "with the prompt":
        terminal.send(f"{wish('git status')}\ry\r")
    else:
        terminal.send_line(wish("slowly"))
        terminal.wait_for(r"^calling:1b \(calling\)$")
        terminal.send("y\r")
        (home / "go-on").touch()
    answered(terminal, "n")
    terminal.wait_for("^Why not?")
    terminal.press("enter")
    terminal.wait_for("^Told: 'The user said no")
    assert done(home) == []


@pytest.mark.parametrize("how", ["bracketed", "plain"])
def test_what_is_pasted_does_not_answer(open_terminal: Open, home: Path, how: str) -> None:
    terminal = open_terminal()
    terminal.send_line(wish("git status"))
    terminal.wait_for(ASKED)
    if how == "plain":
        terminal.send("y\rand more\r")
        terminal.wait_for("^More than an answer came at once, so it was not taken.")
    else:
        terminal.paste("y\nand more\n")
        terminal.press("enter")
        terminal.wait_for("^Why not?")
        terminal.press("enter")
        terminal.wait_for("^Told: 'The user said no")
    assert done(home) == []


def test_a_long_command_does_not_run_before_it_was_seen(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(rows=20)
    terminal.send_line(wish("ls" + "\n" * 40 + "rm -rf x"))
    terminal.wait_for(r"^… \d+ more lines; v shows all$")
    assert "rm -rf" not in terminal.text.split("The model wants", 1)[1]
    answered(terminal, "y")
    terminal.wait_for(r"^> rm -rf x\nThe model wants to use do_it \(execute\)\n" + ASKED)
    assert done(home) == []
    answered(terminal, "y")
    terminal.wait_for("^Told: 'done'")


def test_a_long_change_is_not_made_before_it_was_seen(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(rows=20)
    content = "".join(f"line {number}\n" for number in range(40))
    terminal.send_line(json.dumps([["write_file", {"path": "new.txt", "content": content}]]))
    terminal.wait_for(r"^… \d+ more lines; v shows all$")
    assert "+line 39" not in terminal.text
    answered(terminal, "y")
    terminal.wait_for(r"^\+line 39\nThe model wants to use write_file \(write\)\n" + ASKED)
    assert not (home / "new.txt").exists()
    answered(terminal, "y")
    terminal.wait_for("^Told: ")
    assert (home / "new.txt").read_text() == content


def test_no_is_taken_at_once_however_long_the_text_is(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(rows=20)
    terminal.send_line(wish("ls" + "\n" * 40 + "rm -rf x"))
    terminal.wait_for(r"^… \d+ more lines; v shows all$")
    answered(terminal, "n")
    terminal.wait_for("^Why not?")
    terminal.press("enter")
    terminal.wait_for("^Told: 'The user said no")
    assert done(home) == []


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 14)])
@pytest.mark.parametrize("line", ["line", "日本語のテキストは長いので折り返されます。" * 3])
def test_what_is_asked_and_about_which_file_is_in_view(open_terminal: Open, columns: int, rows: int, line: str) -> None:
    terminal = open_terminal(columns=columns, rows=rows)
    terminal.paste(json.dumps([["write_file", {"path": "new.txt", "content": f"{line}\n" * 40}]]))
    terminal.press("enter")
    terminal.wait_until(lambda: terminal.cursor_line == "[y/a/e/n] ", "the question")
    seen = " ".join(terminal.display)
    assert "The model wants to use write_file (write)" in seen
    assert "+++ new.txt" in seen
    assert "more lines; v shows all" in seen


def test_of_a_line_that_is_too_long_the_beginning_is_shown(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(columns=80, rows=15)
    terminal.send_line(wish(f"echo begin {'x' * 2000} end"))
    terminal.wait_for(r"^… 1 more line; v shows all$")
    terminal.wait_for(r"^\$ echo begin x+$")
    answered(terminal, "y")
    terminal.wait_for(r"x+ end$")
    assert done(home) == []


def test_answers_break_between_words(open_terminal: Open) -> None:
    terminal = open_terminal(columns=40)
    terminal.send_line(wish("git status"))
    terminal.wait_until(lambda: terminal.cursor_line == "[y/a/e/n] ", "the question")
    wanted = ["  y yes", "  a always in this session: do_it with", "    commands that begin with `git", "    status`"]
    assert "\n".join([*wanted, "  e edit", "  n no"]) in terminal.text
    terminal.send_line("y")
    terminal.wait_for("^Told: 'done'")


def test_title_and_the_question_why_break_between_words(open_terminal: Open) -> None:
    terminal = open_terminal(columns=30)
    terminal.send_line(wish("git status"))
    terminal.wait_for(r"^The model wants to use do_it\n\(execute\)$")
    terminal.wait_until(lambda: terminal.cursor_line == "[y/a/e/n] ", "the question")
    terminal.send_line("n")
    terminal.wait_for(r"^Why not\? \(the model is told;\nEnter for no reason\)$")
    terminal.send_line("Not now")
    terminal.wait_for("^Told:")


def test_what_always_means_is_never_cut(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(columns=30)
    terminal.send_line(wish("git status"))
    terminal.wait_until(lambda: terminal.cursor_line == "[y/a/e/n] ", "the question")
    words = "".join(terminal.lines).replace(" ", "")
    assert "aalwaysinthissession:do_itwithcommandsthatbeginwith`gitstatus`" in words
    terminal.send_line("y")
    terminal.wait_for("^Told: 'done'")


def test_nothing_is_written_into_an_open_question(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal()
    terminal.send_line(json.dumps([["wait_it", {}], ["do_it", {"command": "git status"}]]))
    terminal.wait_for(ASKED)
    terminal.send("ye")
    terminal.wait_until(lambda: terminal.cursor_line.endswith("n no] ye"), "what was typed")
    terminal.wait_until(lambda: (home / "waited").exists(), "the other tool is done")
    until = time.monotonic() + 1
    terminal.wait_until(lambda: time.monotonic() > until, "a while")
    assert terminal.cursor_line.endswith("n no] ye")
    terminal.send("s\r")
    terminal.wait_for("^Told: 'done'")
    assert done(home) == ["git status"]


def test_a_diff_is_coloured_and_its_controls_are_shown(open_terminal: Open) -> None:
    terminal = open_terminal(environ={"NO_COLOR": ""})
    terminal.send_line(json.dumps([["change_it", {"path": "x", "text": "new"}]]))
    terminal.wait_for(r"^-old\n\+new␛\[2J\n" + ASKED)
    assert b"\x1b[32m+new\xe2\x90\x9b[2J\x1b[0m" in terminal.raw
    assert b"\x1b[31m-old\x1b[0m" in terminal.raw


def test_without_colour_a_diff_is_plain(open_terminal: Open) -> None:
    terminal = open_terminal()
    terminal.send_line(json.dumps([["change_it", {"path": "x", "text": "new"}]]))
    terminal.wait_for(ASKED)
    assert b"\x1b[32m" not in terminal.raw


@pytest.mark.parametrize("columns", [160, 40])
def test_yolo_is_said_and_seen(open_terminal: Open, home: Path, columns: int) -> None:
    terminal = open_terminal("--yolo", columns=columns)
    terminal.wait_for("^ollm: yolo: every tool")
    terminal.wait_for("YOLO: tools run unasked")
    terminal.ask(wish("git status"))
    assert done(home) == ["git status"]
    assert columns == 40 or "(mode: yolo)" in terminal.text
    terminal.ask("/permissions mode ask")
    terminal.wait_until(lambda: "YOLO" not in terminal.display[terminal.screen.cursor.y + 1], "no mark")
    terminal.send_line(wish("git status"))
    answered(terminal, "n")


def test_a_terminal_that_can_only_print_asks_as_well(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal(environ={"TERM": "dumb"})
    terminal.send_line(wish("git status"))
    answered(terminal, "y")
    terminal.wait_for("^Told: 'done'")
    assert b"\x1b" not in terminal.raw
    terminal.send_line(wish("git status"))
    terminal.wait_for(ASKED, count=2)
    terminal.press("c-c")
    terminal.wait_for(r"\[interrupted\]")
    assert done(home) == ["git status"]


def test_one_prompt_in_a_terminal_asks_as_well(open_terminal: Open, home: Path) -> None:
    terminal = open_terminal("--tools", "all", "-p", wish("git status"), wait=False)
    answered(terminal, "y")
    terminal.wait_for("^Told: 'done'")
    assert terminal.wait_for_end() == 0
    assert done(home) == ["git status"]


@pytest.mark.parametrize(("arguments", "runs"), [((), False), (("--yolo",), True)])
def test_without_a_terminal_nobody_is_asked(home: Path, arguments: tuple[str, ...], runs: bool) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), "OLLM_HOME": str(home / ".ollm"), **variables(home)}
    words = [str(OLLM), "--tools", "all", *arguments, "-p", wish("git status", "git log")]
    ended = subprocess.run(
        words, env=environ, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 0
    assert done(home) == (["git status", "git log"] if runs else [])
    if runs:
        assert ended.stderr.startswith("ollm: yolo: every tool runs without a question in this run")
    else:
        assert ended.stdout.startswith("Told: 'Nobody could be asked")
        assert ended.stderr.count("ollm: A tool was not run, because nobody could be asked.") == 1


@pytest.mark.parametrize(("arguments", "said"), [((), True), (("--tools", "all"), False)])
def test_a_script_is_told_that_yolo_offers_nothing(home: Path, arguments: tuple[str, ...], said: bool) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), "OLLM_HOME": str(home / ".ollm"), **variables(home)}
    words = [str(OLLM), "--yolo", *arguments, "-p", "Hello"]
    ended = subprocess.run(
        words, env=environ, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 0
    why = "so yolo lets none run: a script gets what carries a risk only with --tools all"
    assert (why in ended.stderr) == said
