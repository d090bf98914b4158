"""What does a person get who types in the REPL? A real process in a real terminal, in several sizes and locales."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replay import ReplayServer
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.terminal.screen import PATIENCE, Terminal

Replay = Callable[..., ReplayServer]
Open = Callable[..., Terminal]

SIZES = ((80, 24), (40, 12))


@pytest.fixture
def server(replay: Replay) -> ReplayServer:
    return replay({"/api/chat": "chat_stream_warm"})


@pytest.fixture
def open_terminal(tmp_path: Path, server: ReplayServer) -> Iterator[Open]:
    """Open terminals at one home, one after the other."""
    with ExitStack() as opened:

        def start(**options: Any) -> Terminal:
            environ = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
            environ |= dict(options.pop("environ", {}))
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            terminal = opened.enter_context(Terminal(home, environ, **options))
            terminal.wait_for_prompt()
            return terminal

        yield start


def last_prompt(server: ReplayServer) -> str:
    return str(server.asked("/api/chat")[-1].json["messages"][-1]["content"])


@pytest.fixture(params=SIZES, ids=["80x24", "40x12"])
def terminal(request: pytest.FixtureRequest, open_terminal: Open) -> Terminal:
    columns, rows = request.param
    return open_terminal(columns=columns, rows=rows)


def test_many_lines_by_backslash_by_quotes_and_by_alt_enter(terminal: Terminal, server: ReplayServer) -> None:
    terminal.send_line("one\\")
    terminal.ask("two")
    assert last_prompt(server) == "one\ntwo"
    terminal.send_line('"""')
    terminal.send_line("three")
    terminal.send_line("/new is text here")
    terminal.ask('"""')
    assert last_prompt(server) == "three\n/new is text here"
    terminal.send("five\x1b\r")
    terminal.ask("six")
    assert last_prompt(server) == "five\nsix"


def test_a_block_in_quotes_is_a_prompt_whatever_it_begins_with(terminal: Terminal, server: ReplayServer) -> None:
    for text in ("/help", "!echo run", "//x"):
        terminal.send_line('"""')
        terminal.send_line(text)
        terminal.ask('"""')
        assert last_prompt(server) == text
    asked = len(server.asked("/api/chat"))
    terminal.ask('""""""')
    assert len(server.asked("/api/chat")) == asked
    assert "run" not in terminal.lines


def test_a_paste_never_runs_a_line_by_itself(terminal: Terminal, server: ReplayServer) -> None:
    before = len(server.asked("/api/chat"))
    terminal.paste("first\n/exit\n!rm -rf x\n")
    terminal.wait_for("rm -rf x")
    assert len(server.asked("/api/chat")) == before
    terminal.ask(" end")
    assert last_prompt(server) == "first\n/exit\n!rm -rf x\n end"


def test_completion_shows_what_there_is(terminal: Terminal) -> None:
    terminal.send("/memory ")
    terminal.press("tab")
    terminal.wait_for("forget")
    terminal.press("c-c")
    terminal.wait_for_prompt()
    terminal.send("/memory sea")
    terminal.press("tab")
    terminal.wait_until(lambda: terminal.cursor_line.rstrip() == "> /memory search", "the whole word")


def test_models_are_completed_before_anybody_has_listed_them(terminal: Terminal) -> None:
    terminal.send("/model info smol")

    def completed() -> bool:  # on a busy machine the first list may take longer than Tab waits for it
        terminal.press("tab")
        return "smollm2:135m" in terminal.cursor_line

    terminal.wait_until(completed, "the model's name")


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 12), (20, 8)])
def test_the_menu_leaves_nothing_behind(open_terminal: Open, columns: int, rows: int) -> None:
    terminal = open_terminal(columns=columns, rows=rows)
    for line, shown in (("/model ", "delete"), ("/set ", "model.default")):
        terminal.send(line)
        terminal.press("tab")
        terminal.wait_for(rf"^ *{shown}")
        terminal.press("c-c")
        terminal.wait_for_prompt()
        terminal.wait_until(lambda: shown not in terminal.text, "the menu is gone")
    assert sum("smollm2:135m" in line for line in terminal.lines) == 1, "one status bar"


def test_a_retry_that_nobody_can_answer_leaves_the_answer(terminal: Terminal, server: ReplayServer) -> None:
    terminal.ask("Hello")
    server.script = {**server.script, "/api/chat": "chat_missing_model"}
    terminal.ask("/retry with nosuch")
    terminal.wait_for("^The answer before this stays")
    server.script = {**server.script, "/api/chat": "chat_stream_warm"}
    terminal.ask("And now?")
    assert [m["role"] for m in server.asked("/api/chat")[-1].json["messages"]] == ["user", "assistant", "user"]
    terminal.ask("/session show this")
    terminal.wait_for("^> Hello$")


def test_files_after_an_at_are_completed_and_sent(terminal: Terminal, server: ReplayServer, tmp_path: Path) -> None:
    (tmp_path / "home" / "notes.txt").write_text("the secret is 42\n")
    terminal.send("What is @no")
    terminal.press("tab")
    terminal.wait_until(lambda: "@notes.txt" in terminal.cursor_line, "the whole name")
    terminal.ask("")
    assert last_prompt(server).endswith("notes.txt:\n```txt\nthe secret is 42\n```")
    assert "with notes.txt (1 line)" in terminal.text


def test_the_only_thing_that_could_be_meant_needs_no_second_enter(
    terminal: Terminal, server: ReplayServer, tmp_path: Path
) -> None:
    (tmp_path / "home" / "my notes.txt").write_text("x\n")
    terminal.send("What is @my")
    terminal.press("tab")
    terminal.wait_until(lambda: "@'my notes.txt'" in terminal.cursor_line, "the whole name, in quotes")
    terminal.ask("")
    assert "my notes.txt:\n" in last_prompt(server)


def test_a_command_of_the_shell_and_what_the_model_gets_of_it(terminal: Terminal, server: ReplayServer) -> None:
    terminal.ask("!echo on the screen")
    assert "on the screen" in terminal.lines
    assert server.asked("/api/chat") == []
    terminal.ask("!!")
    assert last_prompt(server).endswith("```\non the screen\n```")
    terminal.ask("!sh -c 'exit 3'")
    assert "It ended with exit code 3." in terminal.text


def test_a_command_of_the_shell_has_a_terminal_like_ours(terminal: Terminal) -> None:
    columns, rows = terminal.screen.columns, terminal.screen.lines
    terminal.ask("!stty size; printf 'and no end'")
    assert f"{rows} {columns}" in terminal.lines
    assert "and no end" in terminal.lines
    terminal.send_line("!echo ready; read x; stty size")
    terminal.wait_for("^ready")
    terminal.process.setwinsize(rows - 2, columns - 2)
    terminal.ask("")
    assert f"{rows - 2} {columns - 2}" in terminal.lines


def test_ctrl_c_ends_a_command_of_the_shell_and_not_the_program(terminal: Terminal, tmp_path: Path) -> None:
    program = tmp_path / "home" / "program"  # no shell hears Ctrl-C in the moment in which it starts a program
    program.write_text(f"#!{sys.executable}\nimport time\nprint('begun', flush=True)\ntime.sleep(60)\n")
    program.chmod(0o755)
    terminal.send_line("!./program")
    terminal.wait_for("^begun")
    terminal.press("c-c")
    terminal.wait_for("^It ended with exit code 130")
    terminal.wait_for_prompt()
    terminal.ask("!echo alive")
    assert "alive" in terminal.lines


def test_undo_retry_and_system(terminal: Terminal, server: ReplayServer) -> None:
    terminal.ask("/system Be brief.")
    terminal.ask("Hello")
    terminal.ask("/retry")
    first, second = (request.json["messages"] for request in server.asked("/api/chat"))
    assert first == second
    assert first[0] == {"role": "system", "content": "Be brief."}
    terminal.ask("/undo")
    assert "Taken back: Hello" in terminal.text
    terminal.ask("Anew")
    assert [m["content"] for m in server.asked("/api/chat")[-1].json["messages"]] == ["Be brief.", "Anew"]


def test_lines_of_earlier_runs_come_back_and_can_be_searched(open_terminal: Open, server: ReplayServer) -> None:
    first = open_terminal()
    first.ask("a question about boxes")
    first.ask("another thing")
    first.press("c-d")
    assert first.wait_for_end() == 0
    second = open_terminal()
    second.press("up", "up")
    second.wait_until(lambda: "boxes" in second.cursor_line, "the line before the last")
    second.press("c-c")
    second.wait_for_prompt()
    second.press("c-r")
    second.send("boxes")
    second.wait_for("a question about boxes")
    second.press("enter", "enter")
    second.wait_until(lambda: len(server.asked("/api/chat")) == 3, "the question asked again")


def test_the_rest_of_an_earlier_line_is_proposed(open_terminal: Open, server: ReplayServer) -> None:
    terminal = open_terminal()
    terminal.ask("a question about boxes")
    terminal.send("a quest")
    terminal.wait_for("ion about boxes", count=2)
    terminal.send("\x1b[C")
    terminal.ask("")
    assert last_prompt(server) == "a question about boxes"


def test_an_editor_writes_the_line(open_terminal: Open, server: ReplayServer, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "written elsewhere" > "$1"\n')
    editor.chmod(0o755)
    terminal = open_terminal(environ={"EDITOR": str(editor)})
    terminal.press("c-x", "c-e")
    terminal.wait_for("written elsewhere")
    terminal.ask("")
    assert last_prompt(server) == "written elsewhere"
    terminal.send_line("/edit")
    terminal.wait_until(lambda: len(server.asked("/api/chat")) == 2, "what the editor wrote")


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        ("nosuch", "nosuch: No such file or directory"),
        ("sh -c 'exit 3'", "sh -c 'exit 3' ended with 3"),
        (r"sh -c 'printf \\377 > $0'", "it wrote no text in UTF-8"),
        ("sh -c 'rm $0'", "No such file or directory"),
        ("'open", "No closing quotation"),
    ],
)
def test_an_editor_that_fails_leaves_the_line(
    open_terminal: Open, server: ReplayServer, editor: str, said: str
) -> None:
    terminal = open_terminal(environ={"EDITOR": editor}, columns=100)
    terminal.send("draft")
    terminal.press("c-x", "c-e")
    terminal.wait_for(f"^ollm: The editor failed: .*{re.escape(said)}")
    terminal.wait_until(lambda: terminal.cursor_line == "> draft", "the line as it was")
    assert "Unhandled" not in terminal.text
    terminal.ask("ed")
    assert last_prompt(server) == "drafted"


@pytest.mark.parametrize("line", ["", "/edit\r"])
def test_an_editor_that_does_not_end_is_ended(open_terminal: Open, server: ReplayServer, line: str) -> None:
    terminal = open_terminal(environ={"EDITOR": "sh -c 'echo begun; exec sleep 600'"})
    terminal.send(line or "\x18\x05")
    terminal.wait_for("^begun")
    terminal.press("c-c")
    terminal.wait_for_prompt()
    terminal.ask("Hello")
    assert last_prompt(server) == "Hello"
    terminal.send(line or "\x18\x05")
    terminal.wait_for("^begun", count=2)
    assert terminal.hang_up() == 129


def test_vi_keys(open_terminal: Open, server: ReplayServer, tmp_path: Path) -> None:
    config = tmp_path / "home" / ".ollm" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("repl: {editingMode: vi}\n")
    terminal = open_terminal()
    terminal.send("one two")
    terminal.send("\x1b")
    terminal.wait_for("one two")
    terminal.send("bdwathree")
    terminal.ask("")
    assert last_prompt(server) == "one three"
    terminal.send("four\x1b\rfive")  # what comes in one piece is Alt-Enter
    terminal.wait_until(lambda: terminal.cursor_line == ". five", "a second line")
    terminal.press("escape")
    terminal.wait_until(lambda: terminal.cursor_line == ". fiv", "the command mode")
    terminal.ask("")
    assert last_prompt(server) == "four\nfive"


@pytest.mark.parametrize("environ", [{"LANG": "C", "LC_ALL": "C"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_other_terminals_and_locales(open_terminal: Open, server: ReplayServer, environ: dict[str, str]) -> None:
    terminal = open_terminal(environ=environ)
    terminal.send_line("one\\")
    terminal.ask("two")
    assert last_prompt(server) == "one\ntwo"
    terminal.ask("!echo hi")
    assert "hi" in terminal.lines


TICKS = """
import time
from ollm.api import Specs, StatusItem, hookimpl

class Plugin(Specs):
    @hookimpl
    def ollm_status_items(self, ctx):
        return [StatusItem("ticks", lambda ctx: f"tick {time.monotonic():.0f}")]
"""


def installed(folder: Path, source: str) -> dict[str, str]:
    """Make a folder that brings a plugin of that source; return the variable that names it."""
    metadata = folder / "odd-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ollm]\nodd = odd:Plugin\n")
    (folder / "odd.py").write_text(source)
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize("plain", [True, False])
def test_without_colour_nothing_is_drawn_that_nobody_typed(open_terminal: Open, tmp_path: Path, plain: bool) -> None:
    found = installed(tmp_path / "site", TICKS)
    terminal = open_terminal(environ={**found, "NO_COLOR": "1" if plain else ""})

    def ticks() -> bool:
        terminal.send("a\x08")
        return "tick" in terminal.text

    terminal.wait_until(ticks, "the bar")
    terminal.send("x")
    terminal.wait_until(lambda: terminal.cursor_line == "> x", "the last key")
    # the first may still see what was typed
    assert any(silent(terminal, 2.5 if plain else PATIENCE) for _ in range(4)) == plain


def silent(terminal: Terminal, seconds: float) -> bool:
    """Whether nothing is written for so long."""
    written, until = len(terminal.raw), time.monotonic() + seconds
    terminal.wait_until(lambda: time.monotonic() > until or len(terminal.raw) > written, "a while")
    return len(terminal.raw) == written


HANGS = """
import threading
from typing import Annotated
from ollm.api import Command, CommandContext, Completes, Specs, ValueCompleter, hookimpl

def nap(ctx: CommandContext, bed: Annotated[str, Completes("bed")]):
    ctx.out.print(f"slept in {bed}")

class Plugin(Specs):
    @hookimpl
    def ollm_commands(self, ctx):
        return [Command("nap", "Sleep.", nap)]

    @hookimpl
    def ollm_value_completers(self, ctx):
        return [ValueCompleter("bed", lambda ctx: threading.Event().wait())]
"""


def test_a_completer_that_hangs_holds_up_nothing(open_terminal: Open, tmp_path: Path) -> None:
    terminal = open_terminal(environ=installed(tmp_path / "site", HANGS))
    terminal.send("/nap ")
    terminal.press("tab")
    terminal.ask("here")
    assert "slept in here" in terminal.lines
    terminal.send("/nap ")
    terminal.press("tab", "tab")
    terminal.ask("there")
    assert "slept in there" in terminal.lines
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0


def test_a_completer_that_hangs_is_named(open_terminal: Open, tmp_path: Path) -> None:
    terminal = open_terminal(environ=installed(tmp_path / "site", HANGS))
    terminal.send("/nap ")
    terminal.press("tab")
    terminal.wait_for("^ollm: Plugin 'odd' failed in value completer 'bed': TimeoutError")
    terminal.wait_until(lambda: terminal.cursor_line == "> /nap ", "the line as it was")
    terminal.press("tab")
    terminal.ask("here")
    assert terminal.text.count("'bed'") == 1


PRINTS = """
from ollm.api import Specs, StatusItem, hookimpl

def shown(ctx):
    print("a lot of noise\\n" * 3)
    return "shown"

class Plugin(Specs):
    @hookimpl
    def ollm_status_items(self, ctx):
        return [StatusItem("loud", shown)]
"""


def test_an_item_of_the_bar_that_prints_is_kept_back(open_terminal: Open, tmp_path: Path) -> None:
    terminal = open_terminal(environ=installed(tmp_path / "site", PRINTS))
    terminal.wait_for("^ollm: Plugin 'odd' failed in status item 'loud': it printed 46 characters")
    terminal.wait_for("shown$")
    terminal.ask("Hello")
    assert "noise" not in terminal.text


def test_keys_that_nobody_knows_do_nothing(terminal: Terminal, server: ReplayServer) -> None:
    terminal.send("pl")
    for keys in (
        "\x1b[99;99~\x1bOZ\x1b[?1;2c\x1b[200;1R",
        "\x1b[99~\x1b[I\x1b[O",  # a key that there is not, focus in, focus out
        "\x1b[24;5~\x1b[57399u",  # Ctrl-F12, a key of the keypad as kitty names it
        "\x1b[<0;1;1M\x1b[<0;1;1m",  # a click
        "\x1b[31m\x1b[0m\x1b[M \x7f\x7f",  # colours, and a click on a button that there is not
        "\x1b]11;rgb:0000/0000/0000\x1b\\",  # the colour of the background
        "\x1b[D\x1b[C",  # those that it does know: left, right
    ):
        terminal.send(keys)
    terminal.ask("ain")
    assert last_prompt(server) == "plain"


def test_what_is_pasted_is_text_whatever_it_looks_like(terminal: Terminal, server: ReplayServer) -> None:
    terminal.send("\x1b[99~a")
    terminal.paste("b\x1b[99~c")
    terminal.ask("d")
    assert last_prompt(server) == "ab\x1b[99~cd"


def test_wide_letters_stay_where_they_are(terminal: Terminal, server: ReplayServer) -> None:
    text = "日本語 👩‍👩‍👧 é"
    terminal.ask(text)
    assert last_prompt(server) == text


def test_twenty_columns(open_terminal: Open, server: ReplayServer) -> None:
    terminal = open_terminal(columns=20, rows=8)
    terminal.ask("a line that is longer than the window is wide")
    assert last_prompt(server).endswith("wide")
    terminal.send("/mem")
    terminal.press("tab")
    terminal.wait_until(lambda: "/memory" in terminal.cursor_line, "the whole word")


def test_the_window_changes_while_typing(terminal: Terminal, server: ReplayServer) -> None:
    terminal.send("before ")
    terminal.process.setwinsize(10, 30)
    terminal.screen.resize(10, 30)
    terminal.send_line("after")  # the line is drawn anew, and may look like the next one meanwhile
    terminal.wait_until(lambda: bool(server.asked("/api/chat")), "the question")
    assert last_prompt(server) == "before after"
