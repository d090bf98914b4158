import asyncio
import os
import pty
import sys
import threading

import pytest

from ollm.api import Choice, Question, Reply, chosen, drawn
from ollm.output import Output
from ollm.questions import ask

QUESTION = Question(
    "Run it?",
    (Choice("y", "yes"), Choice("e", "edit", edits="ls"), Choice("n", "no", text="Why not?")),
    body="ls \x1b[31m",
    form="command",
)


@pytest.mark.parametrize(
    ("typed", "key"), [("y", "y"), (" YES ", "y"), ("edit", "e"), ("", "n"), ("what?", "n"), ("no", "n")]
)
def test_what_is_typed_means_a_choice_and_else_the_last(typed, key):
    assert chosen(QUESTION, typed).key == key


def test_what_it_is_about_is_shown_whole_and_never_obeyed():
    assert "\x1b" not in drawn(QUESTION, color=True)
    assert drawn(QUESTION, color=True).startswith("$ ls ")


def test_no_line_of_a_command_poses_as_another_question():
    body = "ls\nRead it? (read)\n[y yes, n no] "
    lines = drawn(Question("Run it?", QUESTION.choices, body=body, form="command"), color=False).splitlines()
    assert lines == ["$ ls", "> Read it? (read)", "> [y yes, n no] "]


def test_a_diff_is_coloured_line_by_line():
    question = Question("Write?", QUESTION.choices, body="@@ 1 @@\n-old \x1b]52;c;aa\x07\n+new\n same", form="diff")
    lines = drawn(question, color=True).splitlines()
    assert [line[:5] for line in lines] == ["\x1b[36m", "\x1b[31m", "\x1b[32m", " same"]
    assert "\x1b]" not in "".join(lines)
    assert "\x1b" not in drawn(question, color=False)


def test_nobody_is_asked_where_nobody_can_answer(tmp_path):
    with (tmp_path / "out").open("w+") as stream:
        assert asyncio.run(ask(Output(stream, stream), QUESTION)) is None
        assert stream.tell() == 0


def test_a_front_end_asks_in_its_own_way():
    async def answer(question):
        return Reply("y", question.title)

    out = Output()
    out.on_question = answer
    assert asyncio.run(ask(out, QUESTION)) == Reply("y", "Run it?")


@pytest.fixture
def terminal(monkeypatch):
    """A function that asks at a terminal: with what was typed before, and with somebody who sees the question."""
    ours, theirs = pty.openpty()

    def asked(before, answer, question=QUESTION):
        out = open(theirs, "w", closefd=False)
        monkeypatch.setattr(sys, "stdin", open(theirs, closefd=False))
        os.write(ours, before.encode())
        somebody = threading.Thread(target=answer, args=(ours,))
        somebody.start()
        try:
            return asyncio.run(ask(Output(out, out), question))
        finally:
            somebody.join(10)

    yield asked
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    ("typed", "reply"),
    [("y\n", Reply("y")), ("n\nToo risky\n", Reply("n", "Too risky")), ("e\n\n", Reply("n")), ("\x04", None)],
)
def test_a_line_is_read_from_the_terminal(typed, reply, terminal):
    shown = []

    def answer(ours):
        while "[y yes, n no] " not in "".join(shown):
            shown.append(os.read(ours, 4096).decode())
        os.write(ours, typed.encode())

    assert terminal("", answer) == reply
    assert "Run it?" in "".join(shown)


def test_a_plain_terminal_has_colours_and_no_signs_of_them(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = []

    def answer(ours):
        while "[y yes, n no] " not in "".join(shown):
            shown.append(os.read(ours, 4096).decode())
        os.write(ours, b"y\n")

    diff = Question("Write?", QUESTION.choices, body="+new\x07", form="diff")
    assert terminal("", answer, diff) == Reply("y")
    assert "\x1b[32m+new\u2407\x1b[0m\r\n" in "".join(shown)


def test_what_was_typed_before_the_question_is_thrown_away(terminal):
    def answer(ours):
        text = ""
        while "[y yes, n no] " not in text:
            text += os.read(ours, 4096).decode()
        os.write(ours, b"\x04")
        while not text.endswith("[y yes, n no] \r\n"):  # whatever comes next stands on a line of its own
            text += os.read(ours, 4096).decode()

    assert terminal("y\n", answer) is None
