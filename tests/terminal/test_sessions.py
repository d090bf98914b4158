"""What does a person see who goes on with a session? A real process in a real terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.replay import load
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.terminal.screen import Terminal

MOON = "The Moon is a celestial body"
SLOW = load("chat_stream").first(20, end="client")
SLOW = SLOW.but(line_ms=tuple(range(0, 4000, 200)), header_ms=0, total_ms=4000)


@pytest.fixture
def open_terminal(tmp_path, replay):  # noqa: F811
    """Open terminals in one home, each against a server with a script of its own."""
    opened = []

    def start(*arguments, chat="chat_stream", speed=0.0):
        server = replay({"/api/chat": chat}, speed=speed)
        environ = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        terminal = Terminal(home, environ, *arguments, columns=100)
        opened.append(terminal)
        terminal.__enter__()
        terminal.server = server
        terminal.wait_for_prompt()
        return terminal

    yield start
    for terminal in opened:
        terminal.process.close(force=True)


def said(terminal):
    """The roles and contents of the last request."""
    return [(each["role"], each["content"]) for each in terminal.server.asked("/api/chat")[-1].json["messages"]]


def test_continue_shows_where_one_is_and_goes_on(open_terminal):
    first = open_terminal()
    first.ask("Tell me about the Moon.")
    first.press("c-d")
    assert first.wait_for_end() == 0
    second = open_terminal("-c")
    assert re.search(r"^Tell me about the Moon\. · 1 turn · just now · ollama/smollm2:135m$", second.text, re.M)
    assert MOON in second.text
    second.ask("More.")
    assert said(second)[:2] == [("user", "Tell me about the Moon."), ("assistant", load("chat_stream").text)]
    second.ask("/session list")
    second.wait_for(r"1 +\w{6} .* 2 .*Tell me about the Moon")


ANSWER = "The **Moon** pulls the sea.\n\n```python\nhigh = True\n```\n"


def test_earlier_turns_are_drawn_like_any_answer(open_terminal):
    first = open_terminal(chat=_answered(ANSWER))
    first.ask("Tides?")
    drawn = [line for line in first.lines if "Moon" in line or "high" in line]
    first.ask("/new")
    first.ask("/session resume last")
    first.wait_for("^The Moon pulls the sea", count=2)
    assert "**" not in first.text
    assert "```" not in first.text
    first.press("c-d")
    first.wait_for_end()
    second = open_terminal("-c")
    assert [line for line in second.lines if "Moon" in line or "high" in line] == drawn
    at = [second.text.index(each) for each in ("Tides? · 1 turn", "/help lists", "> Tides?", "The Moon pulls")]
    assert at == sorted(at)
    plain = open_terminal("-c", "--plain")
    assert ANSWER.rstrip() in plain.text


def _answered(text):
    """A recording in which the model says something else."""
    recording = load("chat_stream")
    first, last = json.loads(recording.lines[0]), json.loads(recording.lines[-1])
    said = {**first, "message": {"role": "assistant", "content": text}}
    return recording.but(lines=(json.dumps(said), json.dumps({**last, "done_reason": "stop"})), line_ms=(0,) * 3)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_a_kill_in_the_repl_loses_not_what_had_come(open_terminal, tmp_path):
    first = open_terminal(chat=SLOW, speed=1.0)
    first.send_line("Tell me about the Moon.")
    first.wait_for(r"The Moon")
    seen = load("chat_stream").text[:12]
    first.wait_until(lambda: seen in written(tmp_path), "what is on the screen is in the file, and goes on")
    first.signal(signal.SIGKILL)
    first.wait_for_end()
    second = open_terminal("-c")
    assert seen in second.text
    assert "[cut: the program ended, or is still at it]" in second.text
    second.ask("Go on.")
    roles = [role for role, _ in said(second)]
    assert roles == ["user", "assistant", "user"]


def written(tmp_path):
    """The answer as far as it is on the disk."""
    with closing(sqlite3.connect(tmp_path / "home" / ".ollm" / "sessions.db")) as file:
        try:
            rows = file.execute("SELECT content FROM messages WHERE role='assistant'").fetchall()
        except sqlite3.OperationalError:  # it is made just now
            return ""
    return "".join(content for (content,) in rows)


def test_resume_fork_and_new_in_the_repl(open_terminal):
    terminal = open_terminal()
    terminal.ask("One")
    terminal.ask("/new")
    terminal.ask("Two")
    terminal.ask("/session resume One")
    terminal.wait_for("^One · 1 turn")
    terminal.ask("More")
    assert [text for role, text in said(terminal) if role == "user"] == ["One", "More"]
    terminal.ask("/session fork --at 1")
    terminal.wait_for("begins with 1 turn of 'One'; you go on in it")
    terminal.ask("Else")
    assert [text for role, text in said(terminal) if role == "user"] == ["One", "Else"]
    for wrong in ("show 99", "show nobody", "delete", "fork --at 9"):
        terminal.ask(f"/session {wrong}")
    terminal.wait_for("`/session (list|show)` (lists|numbers|shows) them", count=4)
    assert "ollm session" not in terminal.text
    terminal.ask("/session rename this Another thing")
    terminal.ask("/session show this")
    terminal.wait_for("^Another thing$")
    terminal.ask("/session delete this --yes")
    terminal.wait_for("a new one begins")
    terminal.ask("Fresh")
    assert said(terminal)[0] == ("user", "Fresh")
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0
    assert "Traceback" not in terminal.text


def test_two_terminals_with_one_session(open_terminal, tmp_path):
    first = open_terminal()
    first.ask("Start")
    second = open_terminal("-c")
    second.ask("Theirs")
    first.ask("Mine")
    first.wait_for("Another program has gone on with session")
    first.press("c-d")
    second.press("c-d")
    assert (first.wait_for_end(), second.wait_for_end()) == (0, 0)
    rows = sqlite3.connect(tmp_path / "home" / ".ollm" / "sessions.db").execute(
        "SELECT session, content FROM messages m JOIN turns t ON t.key=m.turn WHERE role='user' ORDER BY m.key"
    )
    by_session = {}
    for session, content in rows:
        by_session.setdefault(session, []).append(content)
    assert sorted(by_session.values()) == [["Start", "Mine"], ["Start", "Theirs"]]


def test_deleting_asks(open_terminal):
    terminal = open_terminal()
    terminal.ask("One")
    terminal.send_line("/session delete last")
    terminal.wait_for(r"Delete 'One' for good\? \[y/N\]")
    terminal.ask("n")
    assert "Nothing has changed" in terminal.text and "deleted" not in terminal.text


def test_resuming_in_the_shell_opens_the_repl(open_terminal):
    first = open_terminal()
    first.ask("One")
    first.press("c-d")
    first.wait_for_end()
    second = open_terminal("session", "resume", "One")
    second.ask("Two")
    assert [text for role, text in said(second) if role == "user"] == ["One", "Two"]
    third = open_terminal("--resume", "last", "--no-save")
    third.ask("Three")
    assert [text for role, text in said(third) if role == "user"] == ["One", "Two", "Three"]
    third.ask("/session show last")
    assert "> Three" not in third.text.split("/session show last")[1]


def test_nothing_that_is_typed_is_kept_in_private(open_terminal, tmp_path):
    word = "Zanzibar"
    for arguments, files in ((["--no-save"], set()), ([], {"sessions.db", "lines.jsonl"})):
        terminal = open_terminal(*arguments)
        terminal.ask(f"Tell me about {word}.")
        terminal.ask(f"! echo {word}")
        terminal.press("up")
        terminal.wait_for(f"> ! echo {word}")
        terminal.press("c-c")
        terminal.wait_for_prompt()
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0
        found = [each for each in (tmp_path / "home").rglob("*") if each.is_file()]
        assert {each.name for each in found if word.encode() in each.read_bytes()} == files
