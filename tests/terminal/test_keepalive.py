"""What does a person see of models in memory? The real program in a real terminal, on a server with a state."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)
from tests.replay.state import RememberingServer
from tests.terminal.screen import Terminal

Start = Callable[..., RememberingServer]
Open = Callable[..., Terminal]
SMALL, OTHER = "smollm2:135m", "gemma3:270m"
KEPT = f"version: 1\nmodel:\n  keepAlive:\n    models: [{SMALL!r}]\n"


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as opened:

        def start(server: RememberingServer | str, settings: str = "", **options: Any) -> Terminal:
            home = tmp_path / "home"
            (home / ".ollm").mkdir(parents=True, exist_ok=True)
            if settings:
                (home / ".ollm" / "config.yaml").write_text(settings)
            host = server if isinstance(server, str) else server.url
            environ = {"OLLM_HOST": host, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": SMALL, **options.pop("environ", {})}
            terminal = opened.enter_context(Terminal(home, environ, **options))
            terminal.wait_for_prompt()
            return terminal

        yield start


def bar(terminal: Terminal) -> str:
    """What the row below the cursor's says, but for who answers and how full the context is."""
    row = terminal.screen.cursor.y + 1
    shown = terminal.display[row] if row < len(terminal.display) else ""
    others = re.compile(r"ollama/.*|context .*|[\w.]+:[\w.]+")
    return " · ".join(item for item in shown.split(" · ") if not others.fullmatch(item))


def sent(server: RememberingServer, path: str) -> list[tuple[str, Any]]:
    return [(each.json["model"], each.json.get("keep_alive")) for each in server.asked(path)]


def test_the_bar_counts_down_what_is_in_memory(remembering: Start, open_terminal: Open) -> None:
    settings = f"version: 1\nmodel:\n  keepAlive:\n    timeouts: {{{SMALL!r}: 50}}\n"
    server = remembering()
    terminal = open_terminal(server, settings)
    assert bar(terminal) == "", "nothing is in memory"
    terminal.ask("Hello")
    assert sent(server, "/api/chat") == [(SMALL, 50)]
    pattern = re.compile(rf"{SMALL} (\d+)s")
    terminal.wait_until(lambda: pattern.fullmatch(bar(terminal)) is not None, "the model in the bar")
    first = int(pattern.fullmatch(bar(terminal))[1])  # type: ignore[index]
    assert first <= 50

    def less() -> bool:
        found = pattern.fullmatch(bar(terminal))
        return found is not None and int(found[1]) <= first - 2

    terminal.wait_until(less, "two seconds less")
    assert terminal.cursor_line == "> "
    terminal.send("half a line")
    terminal.wait_until(lambda: terminal.cursor_line == "> half a line" and SMALL in bar(terminal), "bar and line")
    terminal.press("c-c")
    terminal.wait_for_prompt()
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0
    assert server.asked("/api/generate") == [], "who only chats keeps nothing"


def test_the_bar_says_which_goes_next(remembering: Start, open_terminal: Open) -> None:
    server = remembering()
    terminal = open_terminal(server, columns=80)
    terminal.ask(f"/model keep {OTHER} --for 58")
    terminal.wait_for(rf"^{OTHER} stays in memory for 58s, until \d\d:\d\d:\d\d$")
    terminal.ask(f"/model keep {SMALL}")
    terminal.wait_for(rf"^{SMALL} stays in memory as long as this program lives$")
    shown = re.compile(rf"{SMALL} kept · {OTHER} \d\ds \(next out\)")
    terminal.wait_until(lambda: shown.fullmatch(bar(terminal)) is not None, "both in the bar")
    terminal.ask("/model unload --all")
    terminal.wait_for(f"^{OTHER} is taken out of memory$")
    terminal.wait_for(f"^{SMALL} is taken out of memory$")
    terminal.wait_until(lambda: bar(terminal) == "", "an empty bar")
    assert server.loaded == {}


def test_a_bar_that_is_too_long_is_cut(remembering: Start, open_terminal: Open) -> None:
    terminal = open_terminal(remembering(), KEPT, columns=14, rows=30)
    terminal.wait_until(lambda: bar(terminal) == "smollm2:135m …", "the bar")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colour_or_without_a_bar(remembering: Start, open_terminal: Open, environ: dict[str, str]) -> None:
    server = remembering()
    terminal = open_terminal(server, KEPT, environ=environ)
    if "TERM" in environ:
        terminal.wait_until(lambda: bool(server.loaded), "the model is loaded although there is no bar")
        terminal.ask("Hello")
        server.loaded.clear()
        terminal.wait_for(f"^ollm: {SMALL} was taken out of memory")
        terminal.wait_for_prompt()
        assert "kept" not in terminal.text
        assert b"\x1b" not in terminal.raw
        return

    def changed() -> bool:
        terminal.send("a\x08")  # the bar changes with a key, not by itself
        return bar(terminal) == f"{SMALL} kept"

    terminal.wait_until(changed, "the bar")
    assert not [code for code in re.findall(rb"\x1b\[([0-9;]*)m", terminal.raw) if code.strip(b"0;")]


def test_a_notice_comes_above_the_line_that_is_typed(remembering: Start, open_terminal: Open) -> None:
    server = remembering()
    terminal = open_terminal(server, KEPT)
    terminal.wait_until(lambda: bar(terminal) == f"{SMALL} kept", "the model is kept")
    terminal.send("a question that takes")
    terminal.wait_until(lambda: terminal.cursor_line.endswith("takes"), "half a line")
    server.loaded.clear()
    terminal.wait_for(f"^ollm: {SMALL} was taken out of memory; it is loaded again")
    terminal.wait_until(lambda: terminal.cursor_line == "> a question that takes", "the line is there as it was")
    terminal.send(" long")
    terminal.press("enter")
    terminal.wait_until(lambda: bool(server.asked("/api/chat")), "the question")
    assert server.asked("/api/chat")[0].json["messages"][-1]["content"] == "a question that takes long"


def test_a_server_that_is_away_is_said_once_and_looked_for(remembering: Start, open_terminal: Open) -> None:
    server = remembering()
    server.close()
    terminal = open_terminal(server.url, KEPT, columns=160)
    terminal.wait_for(
        r"^ollm: Ollama does not answer at .*; as soon as it answers, smollm2:135m will be kept in memory\.$"
    )
    server = remembering(port=server.port)
    terminal.wait_for("^ollm: Provider 'ollama' answers again: smollm2:135m will be kept in memory.$")
    terminal.wait_until(lambda: bar(terminal) == f"{SMALL} kept", "the model is kept")
    assert terminal.text.count("as soon as it answers") == 1


def test_what_was_told_to_stay_for_good_gets_its_time_at_the_end(remembering: Start, open_terminal: Open) -> None:
    server = remembering()
    terminal = open_terminal(server)
    terminal.ask(f"/model keep {SMALL} --for forever")
    terminal.ask("Hello")
    assert sent(server, "/api/chat") == [(SMALL, -1)], "an answer does not end what was asked for"
    terminal.press("c-d")
    assert terminal.wait_for_end() == 0
    assert sent(server, "/api/generate") == [(SMALL, -1), (SMALL, 300)]
    assert len(server.loads) == 1


def test_a_killed_program_leaves_it_to_the_server(remembering: Start, open_terminal: Open) -> None:
    server = remembering()
    terminal = open_terminal(server, KEPT.replace("models", "timeout: 5\n    models"))
    terminal.wait_until(lambda: len(server.asked("/api/generate")) > 2, "it was kept for longer than its time")
    assert len(server.loads) == 1
    terminal.signal(signal.SIGKILL)
    terminal.wait_for_end()
    terminal = open_terminal(server, "version: 1\n", environ={"OLLM_PLUGINS_DISABLED": "keepalive"})

    def is_gone() -> bool:
        server.answer_to(server.asked("/api/ps")[-1])
        return not server.loaded

    terminal.wait_until(is_gone, "the server has let go of it")
