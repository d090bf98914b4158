"""What does a person see who runs ollm in a terminal?

The real program in a real pseudo-terminal; what it writes is drawn by a terminal emulator, so tests read the
screen, never the bytes::

    with Terminal(home, {"OLLM_HOST": server.url}) as terminal:
        terminal.wait_for("> ")
        terminal.send_line("Hello")
        terminal.wait_for("Hi there")
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pexpect
import pyte

OLLM = Path(sys.executable).with_name("ollm")
KEYS = {"enter": "\r", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "backspace": "\x7f", "escape": "\x1b"}
PASTE_BEGIN, PASTE_END = "\x1b[200~", "\x1b[201~"


class _Screen(pyte.HistoryScreen):  # type: ignore[misc]  # pyte has no types
    """An emulator that answers the program's questions, as terminals do."""

    reply: Callable[[str], None]

    def write_process_input(self, data: str) -> None:
        self.reply(data)


PATIENCE = 30.0
"""Seconds that a test waits for what comes in a tenth of one where nothing else runs."""


class Terminal:
    """A terminal in which ollm runs; use it as a context manager.

    :param home: an empty folder; both the user's home and the working folder
    :param environ: variables beside the few that every terminal sets; None removes one
    """

    def __init__(
        self,
        home: Path,
        environ: Mapping[str, str | None] | None = None,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
    ) -> None:
        usual = {"PATH": os.environ["PATH"], "HOME": str(home), "OLLM_HOME": str(home / ".ollm"), "LANG": "C.UTF-8"}
        variables = {**usual, "TERM": "xterm-256color", **(environ or {})}
        self.raw = bytearray()
        self._hung_up = False
        self.screen = _Screen(columns, rows, history=2000, ratio=1.0)
        self._stream = pyte.ByteStream(self.screen)
        self.process = pexpect.spawn(
            str(OLLM),
            list(arguments),
            cwd=str(home),
            env={name: value for name, value in variables.items() if value is not None},
            dimensions=(rows, columns),
            timeout=0,
        )
        self.process.delaybeforesend = None
        self.process.delayafterclose = self.process.delayafterterminate = 0.05
        self.screen.reply = lambda data: self.send(data)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            sys.stderr.write(f"--- the screen ---\n{self.text}\n--- the last bytes ---\n{bytes(self.raw[-800:])!r}\n")
        if not self._hung_up:
            self.process.close(force=True)

    @property
    def display(self) -> list[str]:
        """The rows that are on the screen now, without trailing spaces."""
        return [row.rstrip() for row in self.screen.display]

    @property
    def lines(self) -> list[str]:
        """The rows that have scrolled away, and those on the screen."""
        columns = self.screen.columns
        gone = ["".join(row[column].data for column in range(columns)).rstrip() for row in self.screen.history.top]
        return [*gone, *self.display]

    @property
    def text(self) -> str:
        """All lines as one text, those at the end that are empty left out."""
        return "\n".join(self.lines).rstrip("\n")

    @property
    def cursor_line(self) -> str:
        """The row in which the cursor stands, up to the cursor."""
        return str(self.screen.display[self.screen.cursor.y][: self.screen.cursor.x])

    def send(self, text: str) -> None:
        """Type a text as it is."""
        with contextlib.suppress(OSError):
            self.process.send(text)

    def send_line(self, text: str) -> None:
        """Type a text, then Enter."""
        self.send(f"{text}\r")

    def press(self, *keys: str) -> None:
        """Press keys: "c-c" is Control and C; "enter", "tab", "up" and the like."""
        for key in keys:
            self.send(chr(ord(key[-1]) - 96) if key.startswith("c-") else KEYS[key])

    def paste(self, text: str) -> None:
        """Paste a text as a terminal does that knows bracketed paste."""
        self.send(f"{PASTE_BEGIN}{text}{PASTE_END}")

    def wait_until(self, is_so: Callable[[], bool], what: str, timeout: float = PATIENCE) -> None:
        """Read what the program writes until the screen is as it should be."""
        until = time.monotonic() + timeout
        while not is_so():
            assert time.monotonic() < until, f"not within {timeout} s: {what}"
            if not self._read():
                assert is_so(), f"the program ended before: {what}"
                return

    def wait_for(self, pattern: str, timeout: float = PATIENCE, count: int = 1) -> None:
        """Wait until the screen (with what has scrolled away) matches a pattern so many times."""
        found = re.compile(pattern, re.MULTILINE)
        self.wait_until(lambda: len(found.findall(self.text)) >= count, f"{count} × {pattern!r}", timeout)

    def wait_for_prompt(self, timeout: float = PATIENCE) -> None:
        """Wait until the program waits for a line: the cursor stands behind an empty prompt."""
        self.wait_until(lambda: self.cursor_line == "> ", "an empty prompt", timeout)

    def ask(self, text: str, timeout: float = PATIENCE) -> None:
        """Type a line at the prompt and wait for the next prompt."""
        before = self._prompts()
        self.send_line(text)
        self.wait_until(lambda: self._prompts() > before and self.cursor_line == "> ", "the next prompt", timeout)

    def _prompts(self) -> int:
        return sum(line == ">" or line.startswith("> ") for line in self.lines)

    def wait_for_end(self, timeout: float = PATIENCE) -> int:
        """Wait until the program has ended, and return its exit code; that of a signal is 128 and its number."""
        until = time.monotonic() + timeout
        while self._read():
            assert time.monotonic() < until, f"the program did not end within {timeout} s"
        self.process.wait()
        status: Any = self.process.exitstatus
        return int(status) if status is not None else 128 + int(self.process.signalstatus)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.kill(number)

    def hang_up(self, timeout: float = PATIENCE) -> int:
        """Close the terminal, as by closing its window, and return the program's exit code."""
        self._hung_up = True
        terminal = self.process.ptyproc
        terminal.fileobj.close()  # through its owner, which would else close the number again, whosever it is by then
        terminal.closed = self.process.closed = True
        until = time.monotonic() + timeout
        while not (ended := os.waitpid(self.process.pid, os.WNOHANG))[0]:
            assert time.monotonic() < until, f"the program did not end within {timeout} s"
            time.sleep(0.01)
        return os.waitstatus_to_exitcode(ended[1])

    def _read(self) -> bool:
        """Take in what comes within a moment; False when the program has ended."""
        try:
            data = self.process.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True
