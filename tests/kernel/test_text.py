import fcntl
import io
import json
import os
import struct
import termios
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollm.text import as_typed_in_repl, between_words, escaped, fenced, local_time, visible, without_credentials

HOSTILE = [
    "\x1b]52;c;aGFjaw==\x07",
    "\x1b[2J",
    "\x9b2J",
    "\x1b]0;title\x07",
    "a\rb",
    "\u202eabc",
    "\u2066x",
    "\x7f",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_terminal_would_obey_is_shown_instead(text):
    shown = visible(text)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2066\ud800" for c in shown)


@given(st.text("`~a \n", max_size=30))
def test_nothing_in_a_fenced_text_ends_its_block(text):
    first, *lines, last = fenced(text, "py").split("\n")
    ticks = first.removesuffix("py")
    assert set(ticks) == {"`"} and last == ticks and len(ticks) >= 3
    assert not any(ticks in line for line in lines)
    assert "\n".join([*lines, ""]) == (text if text.endswith("\n") else f"{text}\n")


def test_the_hidden_characters_can_be_recognized():
    assert visible("\x1b[2J\u202e\x9b") == "␛[2J\\u202e\\x9b"


def test_ordinary_text_is_left_alone():
    text = "Zażółć 漢字 👩‍💻 עברית \u200f\n\ttab"
    assert visible(text) is text


def test_windows_line_ends_become_line_feeds():
    assert visible("a\r\nb") == "a\nb"


@given(st.text(alphabet=st.characters()))
def test_nothing_unsafe_survives_any_text(text):
    shown = visible(text)
    assert visible(shown) == shown
    shown.encode()


@given(st.text(alphabet=st.characters()))
def test_escaping_keeps_the_json_value(text):
    document = escaped(json.dumps(text, ensure_ascii=False))
    assert json.loads(document) == text
    assert visible(document) == document


def test_passwords_of_urls_are_not_shown():
    shown = "at http://…@host:1/x, https://host/@y"
    assert without_credentials("at http://me:secret@host:1/x, https://host/@y") == shown
    assert without_credentials("me:s3cret@127.0.0.1:9") == "…@127.0.0.1:9"
    assert without_credentials("https://me:p@ss@host") == "https://…@host"
    assert without_credentials("llama3.1:8b@sha256:12") == "llama3.1:8b@sha256:12"


def test_rows_break_between_words_on_a_terminal_only():
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 20, 0, 0))
    with open(ours, "rb"), open(theirs, "w") as terminal:
        told = "ollm: No model named x. Run `ollm model list`, see http://localhost:11434/api/tags.\nShort"
        assert between_words(told, terminal).split("\n") == [
            "ollm: No model named",
            "x. Run `ollm model",
            "list`, see",
            "http://localhost:11434/api/tags.",
            "Short",
        ]
        assert between_words("日本語 " * 10, terminal) == "日本語 " * 10
        assert between_words(told, io.StringIO()) == told


def test_commands_are_told_as_they_are_typed_in_the_repl():
    told = "Run `ollm model pull x`, or `ollm --yolo`; not `ollama serve`, ollm config set."
    assert as_typed_in_repl(told) == "Run `/model pull x`, or `ollm --yolo`; not `ollama serve`, ollm config set."


def test_times_are_shown_by_the_users_clock(monkeypatch):
    monkeypatch.setenv("TZ", "Etc/GMT-2")  # two hours ahead
    time.tzset()
    try:
        assert local_time("2026-11-26T22:30:15Z") == "2026-11-27 00:30"
        assert local_time("2026-11-26T22:30:15.123+00:00") == "2026-11-27 00:30"
        assert local_time("soon") == "soon"
        assert local_time("9999-12-31T23:59:59Z") == "9999-12-31T23:59:59Z"
    finally:
        monkeypatch.undo()
        time.tzset()
