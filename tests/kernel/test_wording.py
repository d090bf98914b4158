import fcntl
import io
import os
import struct
import termios
import time

from hypothesis import given
from hypothesis import strategies as st

from ollm.wording import as_typed_in_repl, between_words, fenced, local_time


@given(st.text("`~a \n", max_size=30))
def test_nothing_in_a_fenced_text_ends_its_block(text):
    first, *lines, last = fenced(text, "py").split("\n")
    ticks = first.removesuffix("py")
    assert set(ticks) == {"`"} and last == ticks and len(ticks) >= 3
    assert not any(ticks in line for line in lines)
    assert "\n".join([*lines, ""]) == (text if text.endswith("\n") else f"{text}\n")


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
