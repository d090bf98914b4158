"""Does one see where a conversation stands that was begun before?"""

from __future__ import annotations

import io

import pytest

from ollm.api import Message, Output, ToolCall
from ollm_plugins.repl.earlier import beginning, ending, show_earlier
from ollm_plugins.repl.screen import Screen


def told(*messages):
    out = io.StringIO()
    show_earlier(Screen(Output(out, io.StringIO(), color=False)), messages)
    return out.getvalue().splitlines()


def turn(prompt, *answer):
    return [Message("user", prompt), *(Message("assistant", text) for text in answer)]


def test_nothing_is_said_of_a_conversation_that_begins():
    assert told() == []


def test_the_last_turns_are_shown_and_the_others_counted():
    lines = told(*turn("One", "1"), *turn("Two", "2"), *turn("Three\nlines", "3"))
    assert lines == ["1 earlier turn, then:", "> Two", "2", "> Three", "> lines", "3"]
    assert told(*turn("One", "1"), *turn("Two", "2")) == ["> One", "1", "> Two", "2"]


def test_tools_are_told_in_a_line():
    call = ToolCall("7", "look", {"at": "sky"})
    said = [Message("user", "Look", (b"\x89PNG",)), Message("assistant", "I look.", tool_calls=(call,))]
    results = [
        Message("tool", "blue", tool_call_id="7", tool_name="look"),
        Message("tool", "a\nb\nc", tool_call_id="8", tool_name="other"),
    ]
    lines = told(*said, *results, Message("assistant", "Blue."))
    assert lines == [
        "> Look",
        "> [image, 4 bytes]",
        "I look.",
        "tool look \u2192 blue",
        "tool other \u2192 3 lines",
        "Blue.",
    ]


def test_nothing_that_was_said_is_obeyed_by_the_terminal():
    lines = told(Message("user", "\x1b[2Jgone"), Message("assistant", "\x1b]0;title\a"))
    assert not any(letter in line for line in lines for letter in "\x1b\a")


def test_a_long_prompt_is_known_by_its_beginning():
    assert beginning("word " * 100) == f"{('word ' * 48)[:-1]}\u2026"
    assert beginning("x" * 500) == "x" * 240 + "\u2026"
    assert beginning("short") == "short"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("short", "short"),
        ("first line\nsecond line\nlast line\n", "\u2026\n\nlast line\n"),
        ("a sentence of many words in one line", "\u2026words in one line"),
        ("x" * 100, "\u2026" + "x" * 20),
        ("```python\nfirst_line()\nlast_line()\n```\n", "\u2026\n\n```python\nlast_line()\n```\n"),
        ("~~~\n```\nlong enough to go\n~~~\nthen words\n", "\u2026\n\nthen words\n"),
        ("````\n```\nlong enough to go\n```\nx\n````\n", "\u2026\n\n````\n```\nx\n````\n"),
    ],
)
def test_a_long_answer_is_known_by_its_end(answer, shown):
    assert ending(answer, 20) == shown
