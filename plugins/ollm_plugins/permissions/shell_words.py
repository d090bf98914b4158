"""What does a shell command consist of, as far as it can be told without running it?

Two opposite questions with opposite errors. Whether a command is *only* what somebody has allowed: everything that is
not a plain word counts against it. Whether it *holds* what somebody has forbidden: everything that might be it counts.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Final

_NEVER: Final = re.compile(r"[$`\\\n\r\0]")
"""What means more than itself even in double quotes, or ends a command."""

_OPERATORS: Final = re.compile(r"[;&|<>(){}%^]" if os.name == "nt" else r"[;&|<>(){}]")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")
_PARTS: Final = re.compile(r"[;&|\n\r(){}`]+|\$\(")
_GAPS: Final = re.compile(r"[\s<>$=,]+")
_SHELLS: Final = ("eval", "source", ".", "sh", "bash", "dash", "zsh", "ksh", "fish", "pwsh", "powershell", "cmd")
_READERS: Final = frozenset((*_SHELLS, "cmd.exe", "python", "python3", "perl", "ruby", "node", "php"))
"""Programs that run what they are given as text, in which anything may be hidden."""


def plain_words(command: str) -> tuple[str, ...] | None:
    """Return the words of a command that is a single program with its arguments; None for anything else.

    Operators, redirections, substitutions, variables, escapes and line feeds make it something else.
    """
    text = command.strip(" \t\n")
    if _NEVER.search(text) or _OPERATORS.search(_QUOTED.sub("", text)):
        return None
    try:
        return tuple(shlex.split(text))
    except ValueError:  # a quote is not closed
        return None


def begins(command: str, prefix: Sequence[str]) -> bool:
    """Whether a command is a single program, and its first words are the given ones."""
    words = plain_words(command)
    return bool(prefix) and words is not None and words[: len(prefix)] == tuple(prefix)


def holds(command: str, wanted: Sequence[str]) -> bool:
    """Whether the given words stand in this order in one part of a command, however quoted, escaped or wrapped."""
    wanted = [piece for word in wanted for piece in _words(word)] or list(wanted)  # cut as the command is
    joined = command.replace("\\\n", "")
    views = (re.sub(r"['\"\\]", "", joined), re.sub(r"['\"\\]", " ", joined))
    return any(_in_order(_words(part), wanted) for view in views for part in _PARTS.split(view))


def hides(command: str) -> bool:
    """Whether a command may run what cannot be seen in it: by a substitution, a variable, or a program that reads it."""
    if "$" in command or "`" in command:
        return True
    parts = [_words(part) for part in _PARTS.split(re.sub(r"['\"\\]", "", command))]
    if any(_basename(word) in _READERS for part in parts for word in part):
        return True
    return any(part and re.search(r"[*?\[]", part[0]) for part in parts)


def _words(part: str) -> list[str]:
    return [word for word in _GAPS.split(part) if word]


def _basename(word: str) -> str:
    return re.split(r"[/\\]", word)[-1].lower()


def _in_order(words: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether some words stand among others in their order; the first may have a folder before it."""
    rest = iter(words)
    first, *more = (word.lower() for word in wanted)
    found = any(first in (word.lower(), _basename(word)) for word in rest)
    return found and all(any(each == word.lower() for word in rest) for each in more)
