"""In which form is something told to a person?"""

from __future__ import annotations

import os
import re
from typing import TextIO

_SHELL_COMMAND = re.compile(r"`ollm (?=[a-z])")
_TICKS = re.compile("`{3,}")


def fenced(text: str, language: str = "") -> str:
    """Return a text as a block of code in Markdown, between fences that are longer than any in it."""
    fence = "`" * (max(map(len, _TICKS.findall(text)), default=2) + 1)
    end = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}"


def as_typed_in_repl(text: str) -> str:
    """Return what ollm says with its commands as they are typed in the REPL: "`/model list`" for "`ollm model list`"."""
    return _SHELL_COMMAND.sub("`/", text)


def local_time(iso: str) -> str:
    """Return an ISO 8601 time as the user's clock shows it, to the minute; what is no such time as it stands."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):  # at the ends of the calendar the user's clock shows nothing
        return iso


def between_words(text: str, stream: TextIO) -> str:
    """Return what is to be read with its rows broken between words, where it goes to a terminal.

    Texts with wide or combining characters are left to the terminal: to measure them takes a library that an answer
    does not wait for.
    """
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return text
    width = _columns(stream)
    if len(text) <= width:
        return text
    from unicodedata import combining, east_asian_width

    if any(east_asian_width(each) in "WF" or combining(each) for each in text):
        return text
    import textwrap

    wrap = textwrap.TextWrapper(
        width, expand_tabs=False, replace_whitespace=False, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(row for line in text.split("\n") for row in (wrap.wrap(line) if len(line) > width else [line]))


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
