"""How does a command of the user's own run, and how does its output reach the model?

The terminal is handed over, so that editors and pagers work too; what passes is kept, so that `!!` can show it to the
model. Nothing here is a tool: the user has typed it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from msgspec import Struct

from ollm.api import UsageError, fenced

MOST: Final = 64 * 1024
"""Bytes of output that are kept: their beginning and their end."""

_SHELL: Final = ("/bin/sh", "-c", 'stty rows "$1" cols "$2" 2>/dev/null; cd -- "$3" && shift 3 && exec "$@"', "sh")
"""Gives a new terminal its size, and changes the folder: this process must stay where it is."""

_LEAVES: Final = b"\x1b[?1049l"
"""Gives the screen back to who had it before, with the cursor where it was."""

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
    columns, rows = shutil.get_terminal_size()
    with _following() as terminal:
        status = pty.spawn([*_SHELL, str(rows), str(columns), os.fspath(folder), *arguments], _reader(kept, terminal))
    if stops_in_a_row(kept.data):
        sys.stdout.write("\n")
        sys.stdout.flush()
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code, kept.data  # a signal, as shells tell it


def _reader(kept: Kept, terminal: list[int]) -> Callable[[int], bytes]:
    """Return what reads from the command's terminal, and notes which that is."""

    def read(descriptor: int) -> bytes:
        terminal[:] = [descriptor]
        data = os.read(descriptor, 4096)
        kept.add(data)
        return data

    return read


@contextmanager
def _following() -> Iterator[list[int]]:
    """Give the terminal that is noted in the list the size of ours whenever that changes."""
    import fcntl
    import termios

    terminal: list[int] = []

    def resize(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (as signal wants it)
        with suppress(OSError):  # it is gone already
            size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
            for descriptor in terminal:
                fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        yield terminal
    finally:
        signal.signal(signal.SIGWINCH, before)


def stops_in_a_row(data: bytes) -> bool:
    """Say whether the cursor is within a row after such an output, where the next prompt must not stand."""
    last = _ESCAPES.sub("", data.rpartition(_LEAVES)[2].decode("utf-8", "replace"))
    return not last.endswith(("\n", "\r")) and bool(last)


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
