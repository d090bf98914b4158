"""How does a command of the user's own run, and how does its output reach the model?

The terminal is handed over, so that editors and pagers work too; what passes is kept, so that `!!` can show it to the
model. Nothing here is a tool: the user has typed it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import UsageError, fenced

MOST: Final = 64 * 1024
"""Bytes of output that are kept: their beginning and their end."""

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


class Ran(Struct, frozen=True):
    """A command that is over.

    :param output: what it wrote to the terminal, as text
    """

    command: str
    code: int
    output: str

    @property
    def prompt(self) -> str:
        """What the model is told of it."""
        told = f"I ran `{self.command}`; it ended with exit code {self.code}"
        return f"{told}. Its output:\n\n{fenced(self.output)}" if self.output else f"{told} and wrote nothing."


def run(command: str, folder: Path, environ: Mapping[str, str]) -> Ran:
    """Run a command in the user's shell, on the terminal.

    :raises UsageError: there is no command, or no shell
    """
    if not command.strip():
        raise UsageError("There is no command after the !", "Write one, e.g. !git status.")
    shell = environ.get("SHELL") or "/bin/sh"
    try:
        code, data = _on_terminal([shell, "-c", command], folder)
    except OSError as error:
        raise UsageError(f"{shell} cannot be started: {error.strerror or error}", "Set SHELL to one.") from error
    return Ran(command, code, as_text(data))


def _on_terminal(arguments: list[str], folder: Path) -> tuple[int, bytes]:
    """Run a program on the terminal and return its exit code and what it wrote.

    :raises OSError: it cannot be started
    """
    sys.stdout.flush()
    if os.name == "nt" or not sys.stdin.isatty():  # without a terminal of its own; what it writes is shown at the end
        done = subprocess.run(arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)  # noqa: S603  (the user typed it)
        sys.stdout.write(as_text(done.stdout) + "\n")
        return done.returncode, done.stdout
    return _spawned(arguments, folder)


def _spawned(arguments: list[str], folder: Path) -> tuple[int, bytes]:
    import pty

    kept = Kept()
    # The shell changes the folder: this process must stay where it is.
    words = ["/bin/sh", "-c", 'cd -- "$1" && shift && exec "$@"', "sh", os.fspath(folder), *arguments]
    status = pty.spawn(words, _reader(kept))
    return os.waitstatus_to_exitcode(status), kept.data


def _reader(kept: Kept) -> Callable[[int], bytes]:
    """Return what reads from the command's terminal; it gives that the size of ours first."""
    sized = False

    def read(descriptor: int) -> bytes:
        nonlocal sized
        if not sized:
            sized = True
            _same_size(descriptor)
        data = os.read(descriptor, 4096)
        kept.add(data)
        return data

    return read


def _same_size(descriptor: int) -> None:
    import fcntl
    import termios

    try:
        size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)
    except OSError:  # the command sees a terminal of the usual size then
        return


class Kept:
    """The beginning and the end of what was written."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._between = 0

    def add(self, data: bytes) -> None:
        """Keep more."""
        room = MOST // 2 - len(self._head)
        self._head += data[:room] if room > 0 else b""
        rest = data[max(room, 0) :]
        self._tail += rest
        over = len(self._tail) - MOST // 2
        if over > 0:
            self._between += over
            self._tail = self._tail[over:]

    @property
    def data(self) -> bytes:
        """What is kept, and how much is not."""
        left_out = f"\n[… {self._between:,} bytes …]\n".encode() if self._between else b""
        return self._head + left_out + self._tail


def as_text(data: bytes) -> str:
    """Return what a command wrote as a reader sees it: no escape sequences, and of a line written anew the last state."""
    text = _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
    lines = [line.rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join("".join(_printed(line)) for line in lines).strip("\n")


def _printed(line: str) -> list[str]:
    """Return the letters of a line; a backspace takes one back."""
    letters: list[str] = []
    for letter in line:
        if letter == "\b":
            del letters[-1:]
        elif letter == "\t" or letter >= " ":
            letters.append(letter)
    return letters
