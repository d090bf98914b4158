import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollm.text import escaped, visible, without_credentials

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
