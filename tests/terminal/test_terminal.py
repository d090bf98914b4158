"""Does Ctrl-C take anything off the screen, or from what is typed after it?"""

from __future__ import annotations

import fcntl
import re
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal.screen import Terminal
from tests.terminal.stub import install


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PYTHONPATH": install(tmp_path / "site"), "OLLM_PROVIDER": "stub", "OLLM_MODEL": "stub:1b"}


@pytest.fixture
def counting(tmp_path: Path, environ: dict[str, str]) -> Iterator[Terminal]:
    """A terminal so slow that the program waits for it."""
    with Terminal(tmp_path, environ, "stub", "count") as terminal:
        waiting, steady = 0, 0
        while steady < 10:  # it writes no more, since there is no room; it is not that it had no turn for a moment
            time.sleep(0.1)
            now = unread(terminal)
            waiting, steady = now, steady + 1 if now == waiting > 0 else 0
        yield terminal


def unread(terminal: Terminal) -> int:
    """How many bytes wait to be read in the emulator's end of the terminal; what waits in the program's is beside."""
    size = fcntl.ioctl(terminal.process.child_fd, termios.FIONREAD, bytes(4))
    return int.from_bytes(size, sys.byteorder)


def test_what_was_written_before_it_is_shown(counting: Terminal) -> None:
    counting.press("c-c")
    time.sleep(0.2)  # what the terminal throws away is thrown away before anybody reads
    assert counting.wait_for_end() == 130
    shown = [int(number) for number in re.findall(rb"number (\d+)\r\n", bytes(counting.raw))]
    (said,) = re.findall(rb"counted (\d+)\r\n", bytes(counting.raw))
    assert shown == list(range(int(said)))
    assert len(shown) > 300


def test_the_terminal_is_left_as_it_was(counting: Terminal) -> None:
    descriptor = counting.process.child_fd
    assert termios.tcgetattr(descriptor)[3] & termios.NOFLSH
    counting.press("c-c")
    counting.wait_until(lambda: not termios.tcgetattr(descriptor)[3] & termios.NOFLSH, "flushing as before")
    assert counting.wait_for_end() == 130


def test_typing_is_seen_again_after_a_turn(tmp_path: Path, environ: dict[str, str]) -> None:
    with Terminal(tmp_path, environ) as terminal:
        terminal.wait_for_prompt()
        terminal.send_line("stubborn")
        terminal.wait_for("^Once upon")
        assert not termios.tcgetattr(terminal.process.child_fd)[3] & termios.ECHO
        terminal.press("c-c")
        terminal.wait_for_prompt()
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0
        now = termios.tcgetattr(terminal.process.child_fd)[3]
        assert now & termios.ECHO
        assert now & termios.ICANON


def test_what_was_typed_before_it_is_forgotten(tmp_path: Path, environ: dict[str, str]) -> None:
    with Terminal(tmp_path, environ) as terminal:
        terminal.wait_for_prompt()
        terminal.send_line("/stub wait-async")
        terminal.wait_for("^waiting$")
        terminal.send_line("for nobody")
        terminal.press("c-c")
        terminal.wait_for_prompt()
        terminal.ask("for the model")
        assert "You said: ['for the model']" in terminal.text
