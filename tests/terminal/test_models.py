"""What does a person see who fetches, deletes and watches models? In the shell and in the REPL, on a real terminal."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replay import RememberingServer, entry
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)
from tests.replay.recordings import load as recording
from tests.terminal.screen import PATIENCE, Terminal

Remembering = Callable[..., RememberingServer]
Open = Callable[..., Terminal]

SMALL, OTHER = "smollm2:135m", "gemma3:270m"
PULLS = {
    "cut:1b": ["pull_client_hangs_up", "pull_resumed"],
    "more:1b": "pull_resumed",
    "new:1b": "pull_fresh_local_fast",
    "torn:1b": "pull_digest_mismatch",
}
HALF = r"39\.8/98\.4 MB"
"""How far `pull_client_hangs_up` comes before it says no more."""


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    """Open a terminal in which a command runs, or the REPL; it is closed with the test."""
    with ExitStack() as opened:

        def start(server: RememberingServer, *words: str, **options: Any) -> Terminal:
            environ = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", **options.pop("environ", {})}
            (home := tmp_path / "home").mkdir(exist_ok=True)
            terminal = opened.enter_context(Terminal(home, environ, *words, **options))
            if not words:
                terminal.wait_for_prompt()
            return terminal

        yield start


@pytest.fixture
def server(remembering: Remembering) -> RememberingServer:  # noqa: F811
    return remembering(listed=[entry(SMALL), entry(OTHER, OTHER)], pulls=PULLS)


def load(server: RememberingServer, name: str, seconds: int = 300) -> None:
    """Put a model into the server's memory."""
    server._load(name, {"keep_alive": seconds})  # noqa: SLF001  (as a request would)


# -- pull -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [100, 60])
def test_a_pull_draws_the_whole_and_the_layer_and_leaves_one_line(
    remembering: Remembering,  # noqa: F811
    open_terminal: Open,
    columns: int,
) -> None:
    goes_on = threading.Event()
    server = remembering(pulls={"more:1b": recording("pull_resumed").but(held=(60, goes_on))}, speed=0.15)
    terminal = open_terminal(server, "model", "pull", "more:1b", columns=columns)
    terminal.wait_for(r"^more:1b +━.* [4-9]\d\.\d/98\.4 MB +\d+(\.\d+)? MB/s +\d:\d\d:\d\d$")
    terminal.wait_for(r"^layer 941f\w*…? +━.* [4-9]\d\.\d/98\.4 MB ")
    terminal.wait_for(r"^resumed at 40 MB$")
    goes_on.set()
    assert terminal.wait_for_end() == 0
    line = "".join(terminal.text.splitlines())
    assert re.fullmatch(r"more:1b pulled: 98 MB, 40 MB of it before, in \d+\.\d s \(\d+ MB/s\)", line)


def test_stages_are_shown_in_words(remembering: Remembering, open_terminal: Open) -> None:  # noqa: F811
    goes_on = threading.Event()
    server = remembering(pulls={"new:1b": recording("pull_fresh_local_fast").but(held=(5, goes_on))})
    terminal = open_terminal(server, "model", "pull", "new:1b")
    terminal.wait_for(r"^verifying sha256 digest$")
    goes_on.set()
    assert terminal.wait_for_end() == 0
    assert terminal.text.startswith("new:1b pulled: 98 MB in ")


def test_a_failure_stands_between_the_lines_of_the_others(server: RememberingServer, open_terminal: Open) -> None:
    terminal = open_terminal(server, "model", "pull", "new:1b", "torn:1b", SMALL, columns=400)
    assert terminal.wait_for_end() == 1
    first, error, last = terminal.text.splitlines()
    assert first.startswith("new:1b pulled: ") and last.startswith(f"{SMALL} is there already")
    assert error.startswith("ollm: ") and "torn:1b" in error


def test_ctrl_c_stops_a_pull_in_the_shell(server: RememberingServer, open_terminal: Open) -> None:
    terminal = open_terminal(server, "model", "pull", "cut:1b", "new:1b", columns=120)
    terminal.wait_for(HALF)
    terminal.press("c-c")
    assert terminal.wait_for_end() == 130
    hangup = server.wait_for_hangup(PATIENCE)
    assert hangup is not None and hangup.request.path == "/api/pull"
    said = "ollm: The pull of cut:1b was stopped at 40 MB of 98 MB. The server keeps what it has; pulling again"
    assert said in terminal.text and "ollm: Not begun: new:1b." in terminal.text
    assert "━" not in terminal.text and "Traceback" not in terminal.text


def test_ctrl_c_stops_a_pull_in_the_repl_and_the_next_one_resumes(
    server: RememberingServer, open_terminal: Open
) -> None:
    terminal = open_terminal(server, columns=120)
    terminal.send_line("/model pull cut:1b")
    terminal.wait_for(HALF)
    terminal.press("c-c")
    terminal.wait_for(r"^ollm: The pull of cut:1b was stopped at 40 MB of 98 MB\.")
    terminal.wait_for(r"^\[interrupted\]$")
    terminal.wait_for_prompt()
    terminal.ask("/model pull cut:1b")
    assert re.search(r"^cut:1b pulled: 98 MB, 40 MB of it before, in ", terminal.text, re.MULTILINE)
    terminal.ask("/models cut")
    assert re.search(r"^ cut:1b +98 MB +llama ", terminal.text, re.MULTILINE)


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_pull_on_a_poor_terminal(server: RememberingServer, open_terminal: Open, environ: dict[str, str]) -> None:
    terminal = open_terminal(server, "model", "pull", "new:1b", environ=environ)
    assert terminal.wait_for_end() == 0
    assert b"\x1b[3" not in terminal.raw and re.search("^new:1b pulled: 98 MB", terminal.text, re.MULTILINE)
    assert ("new:1b: verifying sha256 digest" in terminal.lines) is (environ.get("TERM") == "dumb")


# -- delete -----------------------------------------------------------------------------------------------------------


def test_delete_asks_and_says_what_becomes_of_it(server: RememberingServer, open_terminal: Open) -> None:
    load(server, SMALL)
    question = f"Delete {SMALL} (98 MB)? It is loaded and will be unloaded first. [y/N]"
    terminal = open_terminal(server, "model", "delete", SMALL, columns=100)
    terminal.wait_for(re.escape(question))
    terminal.send_line("no")
    assert terminal.wait_for_end() == 0
    assert f"ollm: {SMALL} was not deleted." in terminal.lines and SMALL in server.listed
    terminal = open_terminal(server, "model", "delete", SMALL, columns=100)
    terminal.wait_for(re.escape(question))
    terminal.send_line("y")
    assert terminal.wait_for_end() == 0
    assert f"{SMALL} deleted, after it was unloaded: 98 MB freed" in terminal.lines
    assert SMALL not in server.listed and server.loaded == {}


@pytest.mark.parametrize(("key", "code"), [("c-c", 130), ("c-d", 1)])
def test_no_answer_is_no(server: RememberingServer, open_terminal: Open, key: str, code: int) -> None:
    terminal = open_terminal(server, "model", "rm", SMALL)
    terminal.wait_for(r"\[y/N\]")
    terminal.press(key)
    assert terminal.wait_for_end() == code
    assert SMALL in server.listed and "Traceback" not in terminal.text


def test_the_model_of_the_conversation_needs_a_second_question(server: RememberingServer, open_terminal: Open) -> None:
    terminal = open_terminal(server, columns=120, environ={"OLLM_MODEL": SMALL})
    terminal.ask("Hello")
    for answers, deleted in (("yn", False), ("yy", True)):
        asked = terminal.text.count("[y/N]")
        terminal.send_line(f"/model rm {SMALL}")
        terminal.wait_for(re.escape(f"Delete {SMALL} (98 MB)? It is loaded"), count=asked // 2 + 1)
        terminal.send_line(answers[0])
        second = f"{SMALL} is in use: it is the one that answers in this conversation. Delete it all the same? [y/N]"
        terminal.wait_for(re.escape(second), count=asked // 2 + 1)
        terminal.send_line(answers[1])
        terminal.wait_for_prompt()
        assert (SMALL not in server.listed) is deleted
    assert f"{SMALL} deleted, after it was unloaded: 98 MB freed" in terminal.lines


def test_ctrl_c_at_a_question_in_the_repl(server: RememberingServer, open_terminal: Open) -> None:
    terminal = open_terminal(server)
    terminal.send_line(f"/model rm {SMALL}")
    terminal.wait_for(r"\[y/N\]")
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]$")
    terminal.wait_for_prompt()
    assert SMALL in server.listed


# -- status and use ---------------------------------------------------------------------------------------------------


def test_watching_counts_down_in_one_place_until_ctrl_c(server: RememberingServer, open_terminal: Open) -> None:
    load(server, SMALL, 59)
    terminal = open_terminal(server, "model", "ps", "--watch")
    left = rf"^ {SMALL} +ollama +\d+ MB +100% CPU +4096 +(\d\d)s$"
    terminal.wait_for(left)
    (first,) = re.findall(left, terminal.text, re.MULTILINE)
    terminal.wait_until(lambda: re.findall(left, terminal.text, re.MULTILINE) not in ([first], []), "another second")
    terminal.press("c-c")
    assert terminal.wait_for_end() == 0
    assert len(re.findall(left, terminal.text, re.MULTILINE)) == 1


def test_a_narrow_terminal_shows_the_models_in_memory_whole(server: RememberingServer, open_terminal: Open) -> None:
    load(server, SMALL, 59)
    terminal = open_terminal(server, "model", "ps", columns=40)
    assert terminal.wait_for_end() == 0
    assert re.search(rf"^ {SMALL} +\d+ MB +100% CPU +\d\ds$", terminal.text, re.MULTILINE)
    assert "Too narrow for: provider, context" in terminal.lines
    terminal = open_terminal(server, "model", "ps", "--watch", columns=40)
    terminal.wait_for(rf"^ {SMALL} +\d+ MB +100% CPU +\d\ds$")


def test_a_model_is_used_at_once(server: RememberingServer, open_terminal: Open) -> None:
    terminal = open_terminal(server, environ={"OLLM_MODEL": SMALL})
    terminal.ask("Hello")
    terminal.ask(f"/use {OTHER} --session")
    assert f"Model '{OTHER}' is chosen, for this session" in terminal.lines
    terminal.ask("Hello again")
    assert [each.json["model"] for each in server.asked("/api/chat")] == [SMALL, OTHER]
