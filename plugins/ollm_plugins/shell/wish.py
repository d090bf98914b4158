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

_VERSION: Final = re.compile(r"(?<=[a-z])([-.]?[\d.]+)?(\.exe)?$")
"""What may stand after a program's name, as in `python3.12`."""

_WITH_SUBCOMMANDS: Final = frozenset((
    "apt", "brew", "bun", "cargo", "conda", "docker", "dotnet", "gh", "git", "go", "gradle", "helm", "just",
    "kubectl", "make", "mvn", "npm", "pip", "pnpm", "podman", "poetry", "ruff", "systemctl", "terraform", "tox", "uv",
    "yarn",
))  # fmt: skip
_RUN_ANYTHING: Final = frozenset((
    ".", "ash", "at", "awk", "bash", "batch", "builtin", "bundle", "bunx", "busybox", "bwrap", "chroot", "chrt",
    "cmd", "command", "coproc", "crontab", "csh", "dash", "deno", "doas", "ed", "emacs", "emacsclient", "entr",
    "env", "eval", "ex", "exec", "expect", "fakeroot", "find", "fish", "flock", "gawk", "gdb", "hyperfine",
    "ionice", "ipython", "java", "jshell", "julia", "ksh", "less", "ltrace", "lua", "luajit", "man", "mawk",
    "mise", "more", "nawk", "nc", "ncat", "nice", "nix", "nix-shell", "node", "nodejs", "nodemon", "nohup", "npx",
    "nsenter", "nvim", "osascript", "parallel", "perl", "php", "pipenv", "pipx", "pnpx", "powershell", "prlimit",
    "pwsh", "pypy", "python", "r", "rscript", "rsync", "ruby", "runuser", "scp", "screen", "script", "sed",
    "setpriv", "setsid", "sftp", "sh", "socat", "source", "ssh", "sshpass", "stdbuf", "strace", "su", "sudo",
    "systemd-run", "tar", "taskset", "tclsh", "tcsh", "time", "timeout", "tmux", "trap", "ts-node", "tsx",
    "unshare", "uvx", "valgrind", "vi", "view", "vim", "watch", "wine", "xargs", "xvfb-run", "zip", "zsh",
    "bun x", "conda run", "docker compose", "docker exec", "docker run", "gh alias", "gh extension", "git bisect",
    "git config", "git difftool", "git filter-branch", "git grep", "git mergetool", "git rebase", "git submodule",
    "go generate", "go run", "go tool", "kubectl exec", "kubectl run", "npm exec", "npm x", "pnpm dlx", "pnpm exec",
    "podman exec", "podman run", "poetry run", "tox exec", "uv run", "uv tool", "yarn dlx", "yarn exec", "yarn node",
))  # fmt: skip
"""Programs that run whatever they are given, so that their name says nothing of what they do."""


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
    """Return the words at the beginning of a command that say what it does, e.g. "git status".

    That is the whole command where they would say too little: where it is more than one simple command, or runs
    whatever it is given.
    """
    words = command.split()
    spaces = {each for each in command.strip() if each.isspace()} - {" ", "\t"}
    if spaces or _SPECIAL.intersection(command) or not _is_plain(words[0]):
        return command
    name = _VERSION.sub("", words[0].lower())
    if name in _RUN_ANYTHING or f"{name} {' '.join(words[1:2])}" in _RUN_ANYTHING:
        return command
    if name not in _WITH_SUBCOMMANDS:
        return words[0]
    return " ".join(words[:2]) if len(words) > 1 and _is_plain(words[1]) and words[1][0] != "-" else command


def _is_plain(word: str) -> bool:
    """Say whether a word is a name; not an assignment, a path, or something that the shell expands."""
    return word.replace("-", "").replace("_", "").replace(".", "").isalnum() and word.isascii()


def unseen(command: str) -> bool:
    """Say whether a command holds characters that cannot be seen, so that it is not what it seems."""
    return any(each not in "\n\t" and (is_unseen(each) or _is_control(each)) for each in command)


def shown(command: str) -> str:
    """Return a command with such characters made visible; control characters are left to whoever writes it."""
    return "".join(f"\\u{{{ord(each):x}}}" if is_unseen(each) else each for each in command)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) == "Cc"
