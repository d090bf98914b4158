"""What does a person see in the REPL? A real process in a real terminal, against a server that replays."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replay import Recording, ReplayServer, load
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.terminal.screen import PATIENCE, Terminal
from tests.terminal.stub import install

Replay = Callable[..., ReplayServer]
Open = Callable[..., Terminal]

MOON = "The Moon is a celestial body"
"""A part of what the recording `chat_stream` answers that no line break falls into at 80 columns."""
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    """Open terminals; each is closed with the test, and shows its screen when the test fails."""
    with ExitStack() as opened:

        def start(server: ReplayServer | str | None = None, **options: Any) -> Terminal:
            environ = dict(options.pop("environ", {}))
            if server is not None:
                host = server if isinstance(server, str) else server.url
                environ |= {"OLLM_HOST": host, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            terminal = opened.enter_context(Terminal(home, environ, **options))
            terminal.wait_for_prompt()
            return terminal

        yield start


@pytest.fixture
def stub(open_terminal: Open, tmp_path: Path) -> Terminal:
    """A terminal in which the plugin `stub` answers and offers its commands."""
    path = install(tmp_path / "site")
    return open_terminal(environ={"PYTHONPATH": path, "OLLM_PROVIDER": "stub", "OLLM_MODEL": "stub:1b"})


def chats(server: ReplayServer) -> list[list[tuple[str, str]]]:
    """The role and the content of every message, request by request."""
    return [[(m["role"], m["content"]) for m in request.json["messages"]] for request in server.asked("/api/chat")]


def saying(*pieces: str) -> Recording:
    """A recording whose answer says something else."""
    recording = load("chat_stream")
    assert recording.lines is not None
    first, last = json.loads(recording.lines[0]), recording.lines[-1]
    lines = [json.dumps({**first, "message": {"role": "assistant", "content": piece}}) for piece in pieces]
    return recording.but(lines=(*lines, last), line_ms=(0,) * (len(lines) + 1))


def test_second_turn_carries_the_first(replay: Replay, open_terminal: Open) -> None:
    server = replay({"/api/chat": "chat_stream"})
    terminal = open_terminal(server)
    assert re.search(r"^ollm \d+\.\d+\.\d+ · /help lists the commands, Ctrl-D leaves$", terminal.text, re.MULTILINE)
    terminal.ask("Tell me about the Moon.")
    terminal.wait_for(MOON)
    terminal.ask("More, please.")
    terminal.wait_for(MOON, count=2)
    first, second = chats(server)
    assert first == [("user", "Tell me about the Moon.")]
    assert second == [*first, ("assistant", load("chat_stream").text), ("user", "More, please.")]
    assert terminal.text.count("smollm2:135m (ollama)") == 1, "who answers is said once"
    assert "token limit" in terminal.text, "the recording ends with done_reason length"


def test_new_forgets(replay: Replay, open_terminal: Open) -> None:
    server = replay({"/api/chat": "chat_stream"})
    terminal = open_terminal(server)
    terminal.ask("One")
    terminal.ask("/new")
    terminal.wait_for("^A new conversation begins")
    terminal.ask("Two")
    assert chats(server)[-1] == [("user", "Two")]


@pytest.mark.parametrize("leave", ["/exit", "/quit", "c-d"])
def test_leaving(open_terminal: Open, leave: str) -> None:
    terminal = open_terminal(NOBODY)
    terminal.press(leave) if leave == "c-d" else terminal.send_line(leave)
    assert terminal.wait_for_end() == 0
    assert "Traceback" not in terminal.text


def test_ctrl_c_stops_the_answer_and_keeps_what_came(replay: Replay, open_terminal: Open) -> None:
    endless = load("chat_stream").first(12, end="client")
    server = replay({"/api/chat": [endless, "chat_stream"]})
    terminal = open_terminal(server)
    terminal.send_line("Tell me about the Moon.")
    terminal.wait_for(re.escape(endless.text.strip()[-12:]))
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]$")
    terminal.wait_for_prompt()
    assert server.wait_for_hangup(PATIENCE), "the server was not told"
    terminal.ask("Go on.")
    assert chats(server)[-1] == [
        ("user", "Tell me about the Moon."),
        ("assistant", endless.text),
        ("user", "Go on."),
    ]
    assert endless.text.strip() in terminal.text


def test_ctrl_c_while_the_model_is_loaded(replay: Replay, open_terminal: Open) -> None:
    silent = load("chat_stream").but(header_ms=60_000)
    server = replay({"/api/chat": [silent, "chat_stream"]}, speed=1.0)
    terminal = open_terminal(server)
    terminal.send_line("Hello")
    terminal.wait_for(r"^. loading smollm2:135m… [1-9]\d* s$")
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]$")
    terminal.wait_for_prompt()
    assert "loading" not in terminal.text, "the line is taken back"
    assert server.wait_for_hangup(PATIENCE)
    terminal.send_line("Again")
    terminal.wait_until(lambda: len(server.asked("/api/chat")) > 1, "the second question")
    assert chats(server)[-1] == [("user", "Again")], "a prompt that nothing came of is taken back"


def test_waiting_is_erased_when_the_answer_starts(replay: Replay, open_terminal: Open) -> None:
    answers = threading.Event()
    late = load("chat_stream").first(4, end="complete").but(held=(None, answers))
    terminal = open_terminal(replay({"/api/chat": late}))
    terminal.send_line("Hello")
    terminal.wait_for("loading smollm2:135m…")
    answers.set()
    terminal.wait_for_prompt()
    assert "loading" not in terminal.text
    assert late.text.strip() in terminal.text
    assert "The answer is cut" in terminal.text


def test_server_stops_in_the_middle(replay: Replay, open_terminal: Open) -> None:
    stopped = load("chat_server_stopped")
    server = replay({"/api/chat": [stopped, "chat_stream"]})
    terminal = open_terminal(server)
    terminal.ask("Write a very long story about a whale.")
    kept = stopped.text.strip().splitlines()[-1][-10:]
    assert kept in terminal.text.replace("\n", "")
    [said] = [line for line in terminal.lines if line.startswith("ollm: ") and "Plugin" not in line]
    terminal.ask("Again")
    terminal.wait_for(MOON)
    assert chats(server)[-1][1] == ("assistant", stopped.text)


def test_no_server_at_all(open_terminal: Open) -> None:
    terminal = open_terminal(NOBODY)
    terminal.ask("Hello")
    terminal.wait_for(r"^ollm: Ollama does not answer at http://127\.0\.0\.1:9")
    terminal.ask("/new")
    assert "Traceback" not in terminal.text


def test_escape_sequences_are_shown_not_obeyed(replay: Replay, open_terminal: Open) -> None:
    hostile = saying("a\x1b[2Jb", "\x1b]0;owned\x07", "c\x1b", "[31md", "\x9b5me", "\rf", "\x1b[6n")
    terminal = open_terminal(replay({"/api/chat": hostile}))
    terminal.ask("Hello")
    terminal.wait_for(r"^a␛\[2Jb␛\]0;owned␇c␛\[31md\\x9b5me␍f␛\[6n$")
    assert terminal.screen.title == ""
    assert b"\x1b[2J" not in terminal.raw


def test_one_screen_of_help_leads_to_everything(stub: Terminal) -> None:
    stub.ask("/help")
    assert "Commands (/help commands explains)" in stub.display, "its beginning is still on the screen"
    stub.wait_for("^  /stub +Things that tests want.$")
    for led in set(re.findall(r"/help [a-z]+", stub.text)):
        stub.ask(led)
    for word in ("/exit +Leave.", "/stub fail +Fail in one of many ways.", "Ctrl-D +Leave, on an empty line."):
        stub.wait_for(f"^  {word}$")
    stub.ask("/help stub")
    stub.wait_for("^  wait-async +Wait for a minute in the event loop.$")
    stub.ask("/help many ways")
    stub.wait_for("^ollm: no such command|^ollm: There is no command")
    stub.ask("/help minute")
    stub.wait_for(r"^> /help minute\n  /stub wait  ")
    stub.ask("/help stbu")
    stub.wait_for(r"^ollm: Nothing here is called 'stbu'; did you mean stub\?")


def test_help_lists_every_command(stub: Terminal) -> None:
    stub.ask("/help all")
    for line in (
        "  /exit +Leave.",
        "  /help +Tell what there is, or explain a command.",
        "stub: Things that tests want.",
        "  /stub wait +Wait for a minute.",
        "  Ctrl-D +Leave, on an empty line.",
    ):
        stub.wait_for(f"^{line}$")
    assert "shell-only" not in stub.text
    assert "ghost" not in stub.text


@pytest.mark.parametrize("line", ["/help stub fail", "/help /stub fail", "/stub fail --help", "/stub fail -h"])
def test_help_for_one_command(stub: Terminal, line: str) -> None:
    stub.ask(line)
    stub.wait_for(r"^Usage: /stub fail \[OPTIONS\]")


def test_wrong_commands(stub: Terminal) -> None:
    stub.ask("/hlep")
    stub.wait_for(r"^ollm: There is no command /hlep; did you mean /help\? /help lists")
    stub.ask("/stub wiat")
    stub.wait_for(r"^ollm: no such command 'wiat'; did you mean wait\? See `/stub --help`")
    stub.ask("/config set foo 1")
    stub.wait_for(r"^ollm: There is no setting foo\. `/config show` lists all\.")
    stub.ask("/new 'x")
    stub.wait_for("^ollm: A quote in this line is never closed")
    stub.ask("/new x")
    stub.wait_for(r"^ollm: got unexpected extra argument")
    stub.ask("/")
    stub.wait_for("^Keys, @path")


def test_a_command_that_fails_does_not_end_the_program(stub: Terminal) -> None:
    for way, said in (
        ("ollm", "ollm: The stub failed. Try another."),
        ("bug", "ollm: The command 'stub fail' of plugin 'stub' failed: "),
        ("exit", ""),  # an exit code means nothing here; the command itself says what is wrong
        ("os", "ollm: The command 'stub fail' of plugin 'stub' failed: FileNotFoundError"),
        ("end", "ollm: There is nobody to answer the question"),
        ("interrupt", r"\[interrupted\]"),
        ("typer", ""),
    ):
        stub.ask(f"/stub fail {way}")
        stub.wait_for(f"^{said}")
    stub.ask("Still there?")
    stub.wait_for(r"You said: \['Still there\?'\]")
    assert "Traceback" not in stub.text


@pytest.mark.parametrize("command", ["/stub wait", "/stub wait-async"])
def test_ctrl_c_stops_a_command(stub: Terminal, command: str) -> None:
    stub.send_line(command)
    stub.wait_for("^waiting$")
    stub.press("c-c")
    stub.wait_for(r"^\[interrupted\]$")
    stub.wait_for_prompt()
    stub.ask("Hi")
    stub.wait_for("You said")


def test_ctrl_c_stops_a_download(stub: Terminal) -> None:
    stub.send_line("download")
    stub.wait_for(r"^weights.*MB/s")
    stub.press("c-c")
    stub.wait_for(r"^\[interrupted\]$")
    stub.wait_for_prompt()
    assert not stub.screen.cursor.hidden
    stub.ask("Hi")
    stub.wait_for(r"You said: \['Hi'\]")


def test_ctrl_c_again_and_again(stub: Terminal) -> None:
    for _ in range(3):
        stub.send_line("stubborn")
        stub.wait_until(lambda: stub.cursor_line.endswith("Once upon"), "the first words")
        stub.press(*["c-c"] * 5)
        stub.wait_for_prompt()
    stub.ask("Hi")
    stub.wait_for(r"You said: \[.*'Hi'\]")
    assert "Traceback" not in stub.text
    stub.press("c-d")
    assert stub.wait_for_end() == 0


def test_ctrl_c_forgets_what_was_typed_ahead(stub: Terminal) -> None:
    stub.send("stubborn\rnot meant\r\x04")  # in one piece, so that all of it is read together
    stub.wait_for("^Once upon")
    stub.press("c-c")
    stub.wait_for_prompt()
    stub.ask("hello")
    assert "You said: ['stubborn', 'hello']" in stub.lines


def test_ctrl_c_at_the_prompt(stub: Terminal) -> None:
    stub.send("half a line")
    stub.wait_for("^> half a line$")
    stub.press("c-c")
    stub.wait_for_prompt()
    assert "Ctrl-D or /exit leaves." not in stub.text
    stub.press("c-c")
    stub.wait_for("^Ctrl-D or /exit leaves.$")
    stub.wait_for_prompt()
    stub.ask("Hi")
    stub.wait_for(r"You said: \['Hi'\]")


def test_an_error_in_a_turn_keeps_what_came(stub: Terminal) -> None:
    stub.ask("broken")
    stub.wait_for("^So far$")
    stub.wait_for("^ollm: .*ZeroDivisionError: by zero")
    stub.ask("Hi")
    stub.wait_for(r"You said: \['broken', 'Hi'\]")


def test_thoughts_and_notices_stand_apart(stub: Terminal) -> None:
    stub.ask("think")
    stub.wait_for(r"^Hm, well\.\n\nYou said: \['think'\]$")
    stub.ask("notice")
    stub.ask("notice")
    stub.wait_for(r"^First\nollm: Something happened\.\nYou said", count=2)


def test_a_notice_is_told_once_a_turn(stub: Terminal) -> None:
    for turn in (1, 2):
        stub.ask("notify")
        stub.wait_for("^You said")
        assert stub.text.count("ollm: The host was told.") == turn


def test_a_text_that_begins_with_a_slash(stub: Terminal) -> None:
    stub.ask("//etc/hosts")
    stub.wait_for(r"You said: \['/etc/hosts'\]")
    stub.ask(" /usr")
    stub.wait_for(r"You said: \['/etc/hosts', ' /usr'\]")


def test_pasted_lines_are_one_text(stub: Terminal) -> None:
    stub.paste("line one\nline two")
    stub.wait_for("line two$")
    assert "You said" not in stub.text
    stub.press("enter")
    stub.wait_for(re.escape(r"You said: ['line one\nline two']"))


def test_an_empty_line_does_nothing(stub: Terminal) -> None:
    stub.press("enter")
    stub.send_line("   ")
    stub.ask("Hi")
    stub.wait_for(r"You said: \['Hi'\]")


def test_completion_and_history(stub: Terminal) -> None:
    stub.send("/stu")
    stub.press("tab")
    stub.wait_for("^> /stub$")
    stub.send(" f")
    stub.press("tab")
    stub.wait_for("^> /stub fail$")
    stub.press("c-c")
    stub.wait_for_prompt()
    stub.ask("Hi")
    stub.press("up")
    stub.wait_for("^> Hi$", count=2)


def test_bytes_that_are_no_text(stub: Terminal) -> None:
    stub.process.send(b"a\xffb\r")
    stub.wait_for(r"You said: \['a\?b'\]")


def test_a_narrow_window(open_terminal: Open, tmp_path: Path) -> None:
    path = install(tmp_path / "site")
    environ = {"PYTHONPATH": path, "OLLM_PROVIDER": "stub", "OLLM_MODEL": "stub:1b"}
    terminal = open_terminal(environ=environ, columns=40, rows=12)
    terminal.ask("Hi")
    terminal.wait_for(r"You said: \['Hi'\]")
    terminal.ask("/help all")
    terminal.wait_for(r"^  /stub wait-async\n      Wait for a minute in the event\n      loop\.$")
    terminal.send("/stu")
    terminal.press("tab")
    terminal.wait_for("^> /stub$")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour(open_terminal: Open, tmp_path: Path, environ: dict[str, str]) -> None:
    path = install(tmp_path / "site")
    usual = {"PYTHONPATH": path, "OLLM_PROVIDER": "stub", "OLLM_MODEL": "stub:1b"}
    terminal = open_terminal(environ={**usual, **environ})
    terminal.ask("think")
    terminal.wait_for(r"^\[thinking\]\nHm, well\.\n\n\[answer\]\nYou said: \['think'\]$")
    terminal.send_line("stubborn")
    terminal.wait_for("Once upon")
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]$")
    terminal.wait_for_prompt()
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0
    styles = [code for code in re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw) if code.strip(b"0;")]
    assert not styles
    if "TERM" in environ:
        assert b"\x1b" not in terminal.raw


@pytest.mark.parametrize(
    ("arguments", "environ"), [(("--plain",), {}), ((), {"TERM": "dumb"}), ((), {"NO_COLOR": "1"})]
)
def test_ctrl_c_begins_a_line_where_nothing_is_taken_back(
    tmp_path: Path, arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    path = install(tmp_path / "site")
    usual = {"PYTHONPATH": path, "OLLM_PROVIDER": "stub", "OLLM_MODEL": "stub:1b"}
    with Terminal(tmp_path, {**usual, **environ}, *arguments) as terminal:
        terminal.wait_for_prompt()
        terminal.press("c-c")
        terminal.wait_for(r"^Ctrl-D or /exit leaves\.$")
        terminal.wait_for_prompt()
        terminal.send_line("/stub wait")
        terminal.wait_for("waiting")
        terminal.press("c-c")
        terminal.wait_for(r"^\^C\n\[interrupted\]$")
        terminal.wait_for_prompt()
        assert b"\x1b[K" not in terminal.raw.partition(b"waiting")[2]


def test_a_terminal_that_cannot_show_every_character(replay: Replay, open_terminal: Open) -> None:
    server = replay({"/api/chat": saying("caf\u00e9 \u2192 \U0001f419")})
    terminal = open_terminal(server, environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    terminal.ask("Hello")
    terminal.wait_for("^caf")
    assert "Error" not in terminal.text


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
@pytest.mark.parametrize("line", ["", "stubborn", "/stub wait"])
def test_signals_end_the_program_cleanly(stub: Terminal, number: signal.Signals, line: str) -> None:
    if line:
        stub.send_line(line)
        stub.wait_for("Once upon|^waiting$")
    stub.signal(number)
    assert stub.wait_for_end() == 128 + number
    assert "Traceback" not in stub.text


@pytest.mark.parametrize("line", ["", "stubborn"])
def test_hang_up(stub: Terminal, line: str) -> None:
    if line:
        stub.send_line(line)
        stub.wait_for("Once upon")
    assert stub.hang_up() == 128 + signal.SIGHUP
