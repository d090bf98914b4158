"""What does a model want to be run, and where?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ollm.api import UsageError, is_unseen, understood

_LONGEST: Final = 20_000
"""Characters of a command. Nobody reads more before agreeing to it."""

_SPECIAL: Final = frozenset(";&|<>()$`\\#{}!")
"""Characters that can make more than one simple command of a line, or another one than it seems to be."""

_SAY_ENOUGH: Final = frozenset((
    "basename", "cal", "cat", "cd", "cksum", "cmp", "comm", "cut", "date", "df", "diff", "dirname", "du", "echo",
    "egrep", "expr", "false", "fgrep", "file", "fold", "grep", "groups", "head", "hexdump", "id", "jq", "ls",
    "md5sum", "nl", "nproc", "od", "paste", "pgrep", "printenv", "printf", "ps", "pwd", "pytest", "readlink",
    "realpath", "rev", "seq", "sha1sum", "sha256sum", "sha512sum", "shasum", "sleep", "stat", "strings", "sum", "tac",
    "tail", "test", "tr", "true", "type", "uname", "uptime", "wc", "whereis", "which", "whoami",
    "git add", "git blame", "git cat-file", "git commit", "git describe", "git diff", "git log", "git ls-files",
    "git ls-tree", "git merge-base", "git name-rev", "git rev-list", "git rev-parse", "git shortlog", "git show",
    "git status",
))  # fmt: skip
"""First words that say what is done whatever follows them. There are far more that run, write or delete what they are told
to (`npm init x`, `go test -exec x`, `sort -o x`, `git branch -D x`) than anybody could list."""


class Wish(Struct, frozen=True):
    """What a model says.

    :param timeout: in seconds; None leaves it to the settings
    :param directory: within the workspace
    """

    command: str
    timeout: float | None = None
    directory: str | None = None


def wished(arguments: Mapping[str, Any]) -> Wish:
    """Return a model's arguments in their type.

    :raises UsageError: they do not fit, or no such command can be run
    """
    wish = understood(arguments, Wish)
    if not wish.command.strip():
        raise UsageError("The command is empty")
    if "\0" in wish.command or any("\ud800" <= each <= "\udfff" for each in wish.command):
        raise UsageError("The command holds characters that no command can hold", "Leave them out.")
    if len(wish.command) > _LONGEST:
        problem = f"The command has {len(wish.command)} characters; {_LONGEST} are allowed"
        raise UsageError(problem, "Write a script to a file and run that.")
    if wish.timeout is not None and not wish.timeout > 0:
        raise UsageError("The timeout must be more than 0 seconds")
    return wish


def folder(workspace: Path, directory: str | None) -> Path:
    """Return the real path of the folder in which a command is to run.

    :raises UsageError: it lies outside of the workspace, or there is none
    """
    root = workspace.resolve()
    try:
        found = (root / (directory or ".")).resolve()
        is_folder = found.is_dir()
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(f"The directory {directory!r} cannot be used: {error}") from error
    if not found.is_relative_to(root):
        raise UsageError(f"The directory {directory!r} lies outside of the workspace", "Name one within it.")
    if not is_folder:
        raise UsageError(f"There is no directory {directory!r} in the workspace")
    return found


def prefix(command: str) -> str:
    """Return the words at the beginning of a command that say what it does, e.g. "git status"; empty if they do not.

    They do not, either, where it is more than one simple command.
    """
    words = command.split()
    spaces = {each for each in command.strip() if each.isspace()} - {" ", "\t"}
    if spaces or _SPECIAL.intersection(command):
        return ""
    return next((each for each in (words[0], " ".join(words[:2])) if each in _SAY_ENOUGH), "")


def warning(command: str) -> str:
    """Say what somebody should know who lets such commands run; empty for nothing."""
    if any(each not in "\n\t" and (is_unseen(each) or _is_control(each)) for each in command):
        return "it holds characters that cannot be seen, so that it is not what it seems"
    unquoted = re.sub(r"['\"\\]", "", command)
    return "git may write its output to a file" if re.search(r"\bgit\b.*--outp", unquoted, re.DOTALL) else ""


def shown(command: str) -> str:
    """Return a command with such characters made visible; control characters are left to whoever writes it."""
    return "".join(f"\\u{{{ord(each):x}}}" if is_unseen(each) else each for each in command)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"
