import fcntl
import io
import json
import os
import pty
import struct
import termios
from pathlib import Path

import pytest

from ollm.messages import Notice, Progress, TextDelta, Usage
from ollm.output import Output, to_document


@pytest.fixture
def out():
    return Output(io.StringIO(), io.StringIO())


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_documents_have_camel_case_keys_and_plain_values():
    value = {"a_b": [Usage(prompt_tokens=3)], "path": Path("/x"), "event": TextDelta("t"), "set": ("x",)}
    assert to_document(value) == {
        "a_b": [
            {
                "promptTokens": 3,
                **dict.fromkeys(
                    ("completionTokens", "loadSeconds", "promptSeconds", "completionSeconds", "totalSeconds")
                ),
            }
        ],
        "path": "/x",
        "event": {"text": "t"},
        "set": ["x"],
    }


def test_a_document_can_be_read_back_and_holds_no_live_control_characters(out):
    out.document({"text": "\x1b[2J\u202e\x9b"})
    written = out.stdout.getvalue()
    assert json.loads(written) == {"text": "\x1b[2J\u202e\x9b"}
    assert not set(written) & set("\x1b\u202e\x9b")


def test_a_table_in_a_pipe_is_tab_separated_with_one_row_a_line(out):
    out.table(["name", "size"], [["a\tb\n\x1b[2J", 3], ["c", None]])
    assert out.stdout.getvalue() == "name\tsize\na b ␛[2J\t3\nc\t\n"


def test_a_table_on_a_terminal_is_drawn_and_shows_control_characters():
    out = Output(Terminal(), Terminal())
    out.table(["name"], [["[red]x\x1b[2J"]])
    written = out.stdout.getvalue()
    assert "[red]x␛[2J" in written
    assert "\x1b[2J" not in written


def test_a_notice_is_said_once_on_stderr(out):
    for _ in range(2):
        out.notify(Notice("code", "Something \x1b[2J happened."))
    assert out.stderr.getvalue() == "ollm: Something ␛[2J happened.\n"
    assert out.stdout.getvalue() == ""


@pytest.mark.parametrize(
    ("environ", "flag", "wanted"),
    [
        ({}, None, True),
        ({"NO_COLOR": "1"}, None, False),
        ({"NO_COLOR": "1"}, True, True),
        ({"TERM": "dumb"}, None, False),
        ({}, False, False),
    ],
)
def test_colour_by_terminal_variable_and_flag(monkeypatch, environ, flag, wanted):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert Output(Terminal(), color=flag).color is wanted
    assert Output(io.StringIO(), color=None).color is False


def test_progress_without_a_terminal_is_a_line_at_the_start_and_at_the_end(out):
    with out.progress() as show:
        for done in range(0, 101, 10):
            show(Progress("fetching", done * 10**6, 100 * 10**6))
            show(Progress("fetching", done * 10**6, 100 * 10**6))
    assert out.stderr.getvalue() == "fetching: 0 of 100 MB\nfetching: 100 of 100 MB\n"


def test_progress_of_unknown_length_is_said(out):
    with out.progress() as show:
        show(Progress("working", 3, None, "steps"))
    assert out.stderr.getvalue() == "working: 3 steps\n"


def test_progress_on_a_terminal_is_a_bar_with_rate_and_time_left(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    drawn = ""
    with os.fdopen(slave, "w") as terminal:
        with Output(io.StringIO(), terminal).progress() as show:
            show(Progress("fetching \x1b]0;x\x07", 50 * 10**6, 100 * 10**6))
        while "50.0/100.0 MB" not in drawn:
            drawn += os.read(master, 65536).decode()
    os.close(master)
    assert "fetching" in drawn
    assert "\x1b]0;" not in drawn
