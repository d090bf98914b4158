"""Can one spend a day with it? One user, from the first question to going on the next morning, who reads the screen."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ollm_plugins.local import weights

from tests.replay import Recording, RememberingServer, load
from tests.replay.connection import Request
from tests.replay.entries import entry
from tests.terminal.screen import Terminal

TIDES = """The **Moon** pulls the sea.

```python
def tide(hour):
    return "high" if hour % 12 < 6 else "low"
```
"""
ANSWERS = {
    "Why are there tides?": TIDES,
    "Explain it shorter.": "Gravity.",
    "What is in @notes.txt?": "A shopping list.",
    "I ran": "There is one file.",
    "Forget this": "Never mind.",
    "Summarize": "It is about tides.",
    "Which is the largest ocean?": "The Pacific.",
    "What was first?": "The tides were.",
}
"""What is answered to a prompt that begins so."""

UTF8 = {"LANG": "C.UTF-8"}
C = {"LANG": "C", "LC_ALL": "C"}


def answer(request: Request) -> Recording:
    """Say what there is to say to the last prompt; the second model says who it is."""
    said = request.json["messages"][-1]["content"]
    text = next(text for prompt, text in ANSWERS.items() if said.startswith(prompt))
    if request.json["model"] == "gemma3:270m":
        text = f"Gemma says: {text}"
    recording = load("chat_stream")
    assert recording.lines is not None
    first, last = json.loads(recording.lines[0]), json.loads(recording.lines[-1])
    pieces = re.findall(r"(?s).{1,9}", text)
    lines = [json.dumps({**first, "message": {"role": "assistant", "content": piece}}) for piece in pieces]
    return recording.but(lines=(*lines, json.dumps({**last, "done_reason": "stop"})), line_ms=(0,) * (len(lines) + 1))


class User:
    """Sits at a terminal; what it sees is what stands between its line and the next prompt."""

    def __init__(self, terminal: Terminal, server: RememberingServer | None = None) -> None:
        self.terminal = terminal
        self._server = server
        terminal.wait_for_prompt()

    def types(self, line: str) -> str:
        """Type a line, wait for the next prompt, and read what came, rows that words were broken into as one."""
        before = len(self.terminal.lines)
        self.terminal.ask(line)
        lines = self.terminal.lines
        begin = max(at for at, row in enumerate(lines) if row.startswith("> ") and row[2:8] == line[:6])
        assert begin <= before
        end = max(at for at, row in enumerate(lines) if row == ">")
        self.reads(lines[begin + 1 : end])
        return " ".join(" ".join(lines[begin + 1 : end]).split())

    def reads(self, rows: list[str]) -> None:
        """Take offence at what nobody should see."""
        shown = "\n".join(rows)
        assert "Traceback" not in shown
        assert "Error:" not in shown
        assert "━" not in shown, "a bar is left"
        assert "loading" not in shown
        assert "\n\n\n" not in shown, "two blank lines"

    def sent(self) -> list[tuple[str, str]]:
        """Return who said what in the last request."""
        assert self._server is not None
        request = self._server.asked("/api/chat")[-1].json
        return [(message["role"], message["content"]) for message in request["messages"]]


@pytest.fixture
def server() -> Iterator[RememberingServer]:
    listed = [entry("smollm2:135m"), entry("gemma3:270m")]
    with RememberingServer(script={"/api/chat": answer}, listed=listed) as running:
        yield running


@pytest.mark.parametrize(("columns", "rows", "locale"), [(80, 24, UTF8), (40, 12, C)], ids=["80x24-UTF-8", "40x12-C"])
def test_a_day(tmp_path: Path, server: RememberingServer, columns: int, rows: int, locale: dict[str, str]) -> None:
    (tmp_path / "notes.txt").write_text("milk\nbread\n")
    usual = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m", **locale}
    window: dict[str, Any] = {"columns": columns, "rows": rows}
    with Terminal(tmp_path, usual, **window) as terminal:
        user = User(terminal, server)
        _asks(user)
        _runs_commands(user)
        _takes_things_away(user, tmp_path)
        _arranges_things(user)
        _compares_and_remembers(user)
        _looks_back(user)
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0
    with Terminal(tmp_path, usual, "-c", **window) as terminal:
        user = User(terminal, server)
        terminal.wait_for(r"^Largest · \d turns? · just now")
        assert "The Pacific." in terminal.text
        user.types("What was first?")
        assert ("assistant", "The Pacific.") in user.sent()
        terminal.send_line("/exit")
        assert terminal.wait_for_end() == 0


@pytest.fixture(scope="session")
def cached_weights() -> Path:
    """The weights of the embedded engine, fetched once into `OLLM_TEST_MODELS` or a folder that later runs share."""
    folder = Path(os.environ.get("OLLM_TEST_MODELS") or Path(tempfile.gettempdir()) / "ollm-test-models")

    async def get() -> None:
        async for _ in weights.fetch(folder):
            pass

    asyncio.run(get())
    return folder / weights.FILE


@pytest.mark.parametrize(("columns", "rows", "locale"), [(80, 24, UTF8), (40, 12, C)], ids=["80x24-UTF-8", "40x12-C"])
def test_without_a_server(
    tmp_path: Path, cached_weights: Path, columns: int, rows: int, locale: dict[str, str]
) -> None:
    models = tmp_path / ".ollm" / "models"
    models.mkdir(parents=True)
    shutil.copyfile(cached_weights, models / weights.FILE)
    (tmp_path / "notes.txt").write_text("milk and bread\n")
    usual = {"OLLM_PROVIDER": "local", **locale}
    with Terminal(tmp_path, usual, columns=columns, rows=rows) as terminal:
        user = User(terminal)
        user.types("/set maxTokens 12")
        user.types("/set temperature 0")
        shown = user.types("Name a river.")
        assert shown.startswith("smollm2:135m (local) ")
        assert "ollm: The answer was ended at the token limit; raise it with" in shown
        terminal.wait_for(r"^local/smollm2:135m · context \d%")
        assert "with notes.txt (1 line)" in user.types("What is in @notes.txt? " + "Please tell me. " * 20)
        assert user.types("/retry")
        assert "tokens/s" in user.types("/stats")
        assert user.types("/undo").startswith("Taken back: What is in @notes.txt?")
        assert "history" in user.types("/context")
        assert "Name a river." in user.types("/session search river")
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0
    with Terminal(tmp_path, usual, "-c", columns=columns, rows=rows) as terminal:
        user = User(terminal)
        terminal.wait_for(r"^Name a river\. · 1 turn · just now")
        user.types("/set maxTokens 12")
        user.types("And another one?")
        assert "Name a river." in user.types("/session show this")
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0


def test_an_item_of_the_bar_that_takes_long_does_not_slow_typing(tmp_path: Path, server: RememberingServer) -> None:
    """One plugin sleeps a minute whenever its item is asked for; keys are on the screen as fast as without it."""
    usual = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
    with Terminal(tmp_path, {**usual, "PYTHONPATH": _sleeper(tmp_path / "site")}) as terminal:
        terminal.wait_for_prompt()
        terminal.wait_for("^ollm: Plugin 'sleeper' failed in status item 'sleeper': TimeoutError")
        terminal.wait_for("^smollm2:135m")
        took, line = [], "> "
        for letter in "a line that is typed for about two seconds":
            line += letter
            began = time.monotonic()
            terminal.send(letter)
            terminal.wait_until(lambda wanted=line: terminal.cursor_line == wanted, line)  # type: ignore[misc]
            took.append(time.monotonic() - began)
            time.sleep(0.04)
        assert statistics.median(took) < 0.5, f"{took} s for a key"
        terminal.press("c-c")
        terminal.wait_for_prompt()
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0, "leaving waits for nobody"


def _sleeper(folder: Path) -> str:
    metadata = folder / "sleeper-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: sleeper\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[ollm]\nsleeper = sleeper:Plugin\n")
    (folder / "sleeper.py").write_text(
        "import time\n"
        "from ollm.api import Specs, StatusItem, hookimpl\n\n\n"
        "class Plugin(Specs):\n"
        "    @hookimpl\n"
        "    def ollm_status_items(self, ctx):\n"
        '        return [StatusItem("sleeper", lambda status: time.sleep(60))]\n'
    )
    return str(folder)


def _asks(user: User) -> None:
    shown = user.types("Why are there tides?")
    assert shown.startswith("smollm2:135m (ollama) The Moon pulls the sea. def tide(hour): return")
    assert "**" not in shown
    user.terminal.wait_for(r"^ollama/smollm2:135m · context \d+%")
    assert "A shopping list." in user.types("What is in @notes.txt?")
    assert user.sent()[-1][1].endswith("notes.txt:\n```txt\nmilk\nbread\n```")
    user.types("Explain it shorter.")
    assert "Gemma says: Gravity." in user.types("/retry with gemma3:270m")
    assert user.sent()[-1] == ("user", "Explain it shorter.")
    assert ("assistant", "Gravity.") not in user.sent(), "the first answer is taken back"


def _runs_commands(user: User) -> None:
    assert user.types("!ls *.txt") == "notes.txt"
    assert "There is one file." in user.types("!!")
    assert "notes.txt" in user.sent()[-1][1]
    assert user.types("!!echo moon").startswith("moon ")
    assert user.types("/undo").startswith("Taken back: I ran `echo moon`")
    user.types("Forget this")
    user.types("/undo")
    assert "did you mean /model?" in user.types("/modle list")


def _takes_things_away(user: User, home: Path) -> None:
    user.types("Why are there tides?")
    assert user.types("/copy code").startswith("Copied 2 lines")
    assert b"\x1b]52;c;" in user.terminal.raw
    assert user.types("/save tide.py --code 1") == "Saved 2 lines as tide.py"
    assert (home / "tide.py").read_text().startswith("def tide(hour):")
    assert "--force" in user.types("/save tide.py --code 1")


def _arranges_things(user: User) -> None:
    assert "for this session" in user.types("/set temperature 0.5")
    assert "from the next prompt on" in user.types("/system Be brief.")
    assert "* dark" in user.types("/theme")
    user.types("/theme light")
    assert "* light" in user.types("/theme")
    shown = user.types("/template use summarize text=@notes.txt")
    assert "It is about tides." in shown
    assert user.sent()[0] == ("system", "Be brief.") or user.sent()[0][1].startswith("Be brief.")
    assert "tokens/s" in user.types("/stats")


def _compares_and_remembers(user: User) -> None:
    user.terminal.send_line('/compare "Which is the largest ocean?" smollm2:135m gemma3:270m')
    user.terminal.wait_for("^Which is best")
    assert "Gemma says:" in user.terminal.text
    user.terminal.send_line("2")
    user.terminal.wait_for_prompt()
    assert "is remembered" in user.types("/memory add city The user lives in Brest")
    assert "city" in user.types("/memory list")
    user.types("/new")
    user.types("Which is the largest ocean?")
    assert any("lives in Brest" in content for role, content in user.sent()[:-1]), "the model is told"


def _looks_back(user: User) -> None:
    assert "tokens" in user.types("/context")
    assert "Which is the l" in user.types("/session list")
    assert "Why are there tides?" in user.types("/session search tides")
    user.types("/session rename this Largest")
    shown = user.types("/session resume Why")
    assert "It is about tides." in shown
    user.types("What was first?")
    assert ("user", "Why are there tides?") in user.sent()
    user.types("/session resume Largest")
    user.types("Which is the largest ocean?")
