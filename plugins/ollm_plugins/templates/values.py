"""What does `name=value` stand for?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ollm.api import UsageError, visible

MAX_BYTES = 16 << 20
"""Bytes of a file that fills a variable, at most: more than any model reads."""


def given(words: Sequence[str], piped: Callable[[], str]) -> dict[str, str]:
    """Return the values that are given as NAME=TEXT, NAME=@FILE or NAME=-.

    :param piped: returns what is piped in; called once, when it is wanted
    :raises UsageError: a word has another form, or a file cannot be read
    """
    values: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            problem = f"'{visible(word[:40])}' gives no variable a value"
            raise UsageError(problem, "Write NAME=TEXT, NAME=@FILE or NAME=- for what is piped in.")
        if name in values:
            raise UsageError(f"The variable '{visible(name)}' is given twice")
        values[name] = _value(name, text, words, piped)
    return values


def _value(name: str, text: str, words: Sequence[str], piped: Callable[[], str]) -> str:
    """Return the text that a value stands for; a text that begins with @ is written with two."""
    if text == "-":
        if sum(word.endswith("=-") and word.count("=") == 1 for word in words) > 1:
            raise UsageError("What is piped in can fill one variable only")
        return piped()
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        return _of_file(name, text[1:])
    if not is_text(text):
        raise UsageError(f"The value of '{visible(name)}' holds bytes that are not text in your terminal's encoding")
    return text


def is_text(text: str) -> bool:
    """Whether all of it can be sent: bytes that are no text come as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_file(name: str, path: str) -> str:
    """Return the content of a file.

    :raises UsageError: it cannot be read
    """
    shown = f"{visible(path)}, which is to fill '{visible(name)}',"
    try:
        file = Path(path).expanduser()
        if not file.is_file():
            raise UsageError(f"{shown} is no file", "A text that begins with @ is written with two: @@.")
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UsageError(f"{shown} is larger than {MAX_BYTES >> 20} MiB")
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not UTF-8 text (byte {error.start})") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}") from error
