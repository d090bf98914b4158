"""What does `name=value` stand for, and which variable takes a text that is given without a name?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ollm.api import UsageError, visible

if TYPE_CHECKING:
    from ollm_plugins.templates.template import Known

FOR_INPUT = ("input", "prompt", "text")
"""Variables that take a text without a name, the first that a template has."""

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
        if not (file.is_file() or file.is_fifo()):  # a shell's <(COMMAND) is a pipe
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


def with_text(known: Known, words: Sequence[str], text: str) -> tuple[dict[str, str], str]:
    """Return the values that are given, and what is left of a text that was given without a name.

    A variable with `-` takes the text, else one that is called so, else the only one that lacks a value.

    :raises UsageError: a word has another form, is for no variable, or asks for a text that is not there
    """
    taken: list[str] = []
    values = given(words, lambda: _given_text(text, taken))
    known.check_names(values)
    if taken or not text:
        return values, ""
    name = _input_variable(known, values)
    if name is None:
        return values, text
    return {**values, name: text}, ""


def _given_text(text: str, taken: list[str]) -> str:
    """Return the text, and note that it is used.

    :raises UsageError: there is none
    """
    if not text:
        raise UsageError("Nothing is piped in that could fill a variable", "Write --var NAME=TEXT or NAME=@FILE.")
    taken.append(text)
    return text


def _input_variable(known: Known, values: Mapping[str, str]) -> str | None:
    """Return the variable that takes the text: one that is called so, else the only one that lacks a value."""
    names = [each.name for each in known.variables]
    called = next((name for name in FOR_INPUT if name in names and name not in values), None)
    lacking = known.lacks(values)
    return called or (lacking[0].name if len(lacking) == 1 else None)


def below(prompt: str, text: str) -> str:
    """Put a text that no variable took under a prompt."""
    return f"{prompt.rstrip()}\n\n{text}" if text else prompt
