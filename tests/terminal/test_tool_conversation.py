"""Can a model read, change and test a small repository, with a person who watches? The whole program in a real terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replay import Recording, RememberingServer, load
from tests.replay.entries import entry
from tests.terminal.screen import Terminal

MODEL = "smollm2-tools:135m"
ASKED = r"^\[y[ /]"
WRONG = "def add(a, b):\n    return a - b\n"
TEST = "from calc import add\n\nassert add(2, 3) == 5, add(2, 3)\nprint('all is well')\n"


def calling(*calls: tuple[str, dict[str, Any]]) -> Recording:
    """The recorded call of a tool, with other calls in its place."""
    recorded = load("chat_tool_calls_stream")
    line, end = recorded.objects
    made = [
        {"id": f"call_{number}_{name}", "function": {"index": number, "name": name, "arguments": arguments}}
        for number, (name, arguments) in enumerate(calls)
    ]
    line["message"]["tool_calls"] = made
    return recorded.but(lines=(json.dumps(line), json.dumps(end)))


def saying(text: str) -> Recording:
    recorded = load("chat_stream_warm")
    first, *_, end = recorded.objects
    first["message"]["content"] = text
    return recorded.but(lines=(json.dumps(first), json.dumps({**end, "done_reason": "stop"})), line_ms=(0, 0))


ANSWERS = (
    calling(("glob", {"pattern": "*.py"}), ("grep", {"pattern": "def add"})),
    calling(("read_file", {"path": "calc.py"})),
    calling(("edit_file", {"path": "calc.py", "old": "a - b", "new": "a + b"})),
    calling(("shell", {"command": "python3 test_calc.py"})),
    saying("The sign was wrong; the test passes now."),
)


@pytest.fixture
def server() -> Iterator[RememberingServer]:
    """A server whose model goes on by what it was told: one answer for each that stands in the conversation."""

    def next_answer(request: Any) -> Recording:
        return ANSWERS[sum(message["role"] == "assistant" for message in request.json["messages"]) % len(ANSWERS)]

    listed = [{**entry(MODEL), "capabilities": ["completion", "tools"]}]
    with RememberingServer(script={"/api/chat": next_answer}, listed=listed) as running:
        yield running


@pytest.fixture
def terminal(server: RememberingServer, tmp_path: Path) -> Iterator[Terminal]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "calc.py").write_text(WRONG)
    (home / "test_calc.py").write_text(TEST)
    subprocess.run(["git", "init", "-q", str(home)], check=True)
    environ = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": MODEL, "SHELL": "/bin/sh"}
    with ExitStack() as opened:
        made = opened.enter_context(Terminal(home, environ, columns=100, rows=40))
        made.wait_for_prompt()
        yield made


def results(server: RememberingServer) -> dict[str, str]:
    """What the model was told, by tool."""
    messages = server.asked("/api/chat")[-1].json["messages"]
    return {message["tool_name"]: message["content"] for message in messages if message["role"] == "tool"}


def test_a_model_reads_changes_and_tests_a_repository(
    terminal: Terminal, server: RememberingServer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    terminal.send_line("The test fails. Mend it.")
    for number in range(3):  # glob, grep and read_file
        terminal.wait_for(ASKED, count=number + 1)
        terminal.send_line("y")
    terminal.wait_for(r"^\+    return a \+ b")
    terminal.wait_for(ASKED, count=4)
    assert (home / "calc.py").read_text() == WRONG, "nothing is written before it is approved"
    terminal.send_line("y")
    terminal.wait_for(r"^\$ python3 test_calc.py")
    terminal.wait_for(ASKED, count=5)
    terminal.send_line("y")
    terminal.wait_for("The sign was wrong; the test passes now")
    terminal.wait_for_prompt()
    assert (home / "calc.py").read_text() == WRONG.replace("-", "+")
    told = results(server)
    assert "calc.py" in told["glob"]
    assert "return a - b" in told["read_file"]
    assert "all is well" in told["shell"]
    terminal.ask("/tools audit")
    assert terminal.text.count("user") >= 5
    terminal.ask("/files undo")
    assert (home / "calc.py").read_text() == WRONG


def test_auto_reads_without_a_question_and_asks_before_it_writes(
    terminal: Terminal, server: RememberingServer, tmp_path: Path
) -> None:
    terminal.ask("/permissions mode auto")
    terminal.send_line("The test fails. Mend it.")
    terminal.wait_for(ASKED)
    assert "return a + b" in terminal.text
    terminal.send_line("n")
    terminal.wait_for("y$|reason|Why")
    terminal.send_line("not in this file")
    terminal.wait_for(r"^\$ python3 test_calc.py")
    terminal.wait_for(ASKED, count=2)
    terminal.press("c-c")
    terminal.wait_for_prompt()
    messages = server.asked("/api/chat")[-1].json["messages"]
    assert "not in this file" in [m["content"] for m in messages if m["role"] == "tool"][-1]
    assert (tmp_path / "home" / "calc.py").read_text() == WRONG
    terminal.ask("Go on")
    roles = [message["role"] for message in server.asked("/api/chat")[-1].json["messages"]]
    calls = [len(m.get("tool_calls", ())) for m in server.asked("/api/chat")[-1].json["messages"]]
    assert roles.count("tool") == sum(calls), "each call has its result, also the interrupted one"


def test_yolo_runs_all_and_is_seen(terminal: Terminal, server: RememberingServer, tmp_path: Path) -> None:
    terminal.ask("/permissions mode yolo")
    terminal.wait_for("(?i)yolo", count=2)
    terminal.send_line("The test fails. Mend it.")
    terminal.wait_for("The sign was wrong; the test passes now")
    terminal.wait_for_prompt()
    assert "all is well" in results(server)["shell"]
    assert (tmp_path / "home" / "calc.py").read_text() == WRONG.replace("-", "+")


def test_without_a_terminal_nothing_risky_runs_and_the_model_is_told(server: RememberingServer, tmp_path: Path) -> None:
    from tests.terminal.screen import OLLM

    (tmp_path / "calc.py").write_text(WRONG)
    environ = {
        "OLLM_HOST": server.url,
        "OLLM_PROVIDER": "ollama",
        "OLLM_MODEL": MODEL,
        "OLLM_HOME": str(tmp_path / "h"),
    }
    words = [str(OLLM), "--tools", "all", "-p", "Mend it"]
    done = subprocess.run(
        words,
        env={**environ, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "calc.py").read_text() == WRONG
    told = results(server)
    assert "You have not read calc.py" in told.pop("edit_file")
    assert told.keys() == {"glob", "grep", "read_file", "shell"}
    assert all("Nobody could be asked" in each for each in told.values())


@pytest.mark.live
def test_a_real_model_calls_a_tool(live_address: str, tmp_path: Path) -> None:
    """The first model of the server that can call tools; what it makes of the result is its own affair."""
    from tests.terminal.screen import OLLM

    (tmp_path / "notes.txt").write_text("The word is lantern.\n")
    environ = {
        "OLLM_HOST": live_address,
        "OLLM_PROVIDER": "ollama",
        "OLLM_HOME": str(tmp_path / "h"),
        "PATH": "/usr/bin:/bin",
    }

    def run(*words: str) -> str:
        done = subprocess.run(
            [str(OLLM), *words],
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=600,
        )
        return done.stdout

    models = json.loads(run("model", "list", "--json"))
    able = next((each["name"] for each in models if "tools" in each.get("capabilities", ())), None)
    if able is None:
        pytest.skip("the server has no model that can call tools")
    events = run("--tools", "all", "--yolo", "-m", able, "-o", "stream-json", "-p", "Use read_file to read notes.txt.")
    called = [json.loads(line) for line in events.splitlines() if '"toolResult"' in line]
    assert any("lantern" in each["content"] for each in called)
