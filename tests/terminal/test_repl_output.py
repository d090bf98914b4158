"""What does a person see of an answer, in windows of any size? A real process in a real terminal."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.replay import Recording, ReplayServer, load
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.terminal.screen import Terminal

Replay = Callable[..., ReplayServer]
Open = Callable[..., Terminal]

ANSWER = """# Tides

The **Moon** pulls the sea, \u6708 too; see `tide.py` for *more* \U0001f30a of it, and <b>this</b>.

- first, an entry that is longer than a row of a small window
- second

```python
def tide(hour):
    return "high" if hour % 12 < 6 else "low"
```

| when | how |
|------|----:|
| noon | 2.5 |

> quoted words
"""
LETTERS = (
    "TidesTheMoonpullstheseatooseetidepyformoreofitandbthisbfirstanentrythatislongerthanarowofasmallwindowsecond"
    "deftidehourreturnhighifhour126elselowwhenhownoon25quotedwords"
)


def saying(text: str, *, every_ms: int = 0, **changes: Any) -> Recording:
    """A recording that says a text, a few letters at a time."""
    recording = load("chat_stream")
    assert recording.lines is not None
    first, last = json.loads(recording.lines[0]), recording.lines[-1]
    pieces = re.findall(r"(?s).{1,5}", text)
    lines = [json.dumps({**first, "message": {"role": "assistant", "content": piece}}) for piece in pieces]
    stop = json.dumps({**json.loads(last), "done_reason": "stop"})
    times = tuple(at * every_ms for at in range(len(lines) + 1))
    return recording.but(lines=(*lines, stop), line_ms=times, header_ms=0, total_ms=times[-1], **changes)


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    with ExitStack() as opened:

        def start(
            server: ReplayServer, *arguments: str, environ: dict[str, str] | None = None, **size: int
        ) -> Terminal:
            home = tmp_path / "home"
            home.mkdir(exist_ok=True)
            usual = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
            terminal = opened.enter_context(Terminal(home, {**usual, **(environ or {})}, *arguments, **size))
            terminal.wait_for_prompt()
            return terminal

        yield start


def answered(terminal: Terminal) -> str:
    """What stands between who answers and the next prompt, but for what a slow machine lets one wait for."""
    lines = terminal.lines
    begin = max(at for at, line in enumerate(lines) if line.endswith("(ollama)"))
    end = max(at for at, line in enumerate(lines) if line == ">")
    return "\n".join(line for line in lines[begin + 1 : end] if not line.startswith("loading smollm2:135m"))


def test_markdown_is_drawn(replay: Replay, open_terminal: Open) -> None:
    terminal = open_terminal(replay({"/api/chat": saying(ANSWER)}))
    terminal.ask("Tides?")
    shown = answered(terminal)
    assert shown.startswith("Tides\n\nThe Moon pulls the sea, ")
    assert '\ndef tide(hour):\n    return "high" if hour % 12 < 6 else "low"\n\nwhen   how\n' in shown
    assert "\n\u2502 quoted words" in shown
    assert "**" not in shown
    assert "```" not in shown


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 12), (20, 8)])
@pytest.mark.parametrize(
    "environ", [{}, {"LANG": "C", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}]
)
@pytest.mark.parametrize("arguments", [(), ("--plain",)])
def test_every_word_is_there_once(
    replay: Replay,
    open_terminal: Open,
    columns: int,
    rows: int,
    environ: dict[str, str],
    arguments: tuple[str, ...],
) -> None:
    terminal = open_terminal(
        replay({"/api/chat": saying(ANSWER)}), *arguments, environ=environ, columns=columns, rows=rows
    )
    terminal.ask("Tides?")
    shown = answered(terminal)
    # Rows that the terminal itself has broken cannot be told from those that end there, so only letters are compared.
    assert re.sub(r"[\W_\u6708]", "", shown).replace("python", "") == LETTERS
    assert "Traceback" not in terminal.text


def test_an_answer_is_seen_while_it_comes(replay: Replay, open_terminal: Open) -> None:
    goes_on = threading.Event()
    terminal = open_terminal(replay({"/api/chat": saying("The **Moon** is far away.", held=(2, goes_on))}))
    terminal.send_line("Moon?")
    terminal.wait_for(r"^The \*\*Moo")
    goes_on.set()
    terminal.wait_for(r"^The Moon is far away\.$")
    terminal.wait_for_prompt()
    assert "**" not in terminal.text


def test_what_is_typed_while_an_answer_comes_stands_at_the_next_prompt(replay: Replay, open_terminal: Open) -> None:
    words, goes_on = " ".join(f"w{at}" for at in range(60)), threading.Event()
    server = replay({"/api/chat": [saying(words, held=(20, goes_on)), saying("Yes.")]})
    terminal = open_terminal(server, columns=60)
    terminal.send_line("Go")
    terminal.wait_for(r"\bw20\b")
    terminal.send("sent\rnot yet")
    goes_on.set()
    terminal.wait_for(r"^Yes\.$")
    terminal.wait_until(lambda: terminal.cursor_line == "> not yet", "what was typed last")
    answer, _, rest = terminal.text.partition("\n> sent\n")
    assert re.findall(r"\bw\d+", answer) == words.split()
    assert "not yet" not in answer and rest.startswith("Yes.\n> not yet")


def test_ctrl_c_settles_what_came(replay: Replay, open_terminal: Open) -> None:
    endless = saying("Some **bold text** and\n```py\nx = 1\ny = " + "2" * 400, held=(12, threading.Event()))
    terminal = open_terminal(replay({"/api/chat": endless}), columns=40, rows=12)
    terminal.send_line("Go")
    terminal.wait_for(r"^y = 22")
    terminal.press("c-c")
    terminal.wait_for(r"^\[interrupted\]$")
    terminal.wait_for_prompt()
    assert re.search(r"^Some bold text and\n\nx = 1\ny = 2+(\^C)?\n\[interrupted\]$", terminal.text, re.MULTILINE)


def test_a_window_that_shrinks_and_grows(replay: Replay, open_terminal: Open) -> None:
    words = " ".join(f"w{at}" for at in range(120))
    terminal = open_terminal(replay({"/api/chat": saying(words, every_ms=25)}, speed=1.0), columns=60, rows=20)
    terminal.send_line("Go")
    terminal.wait_for(r"\bw40\b")
    terminal.screen.resize(20, 70)
    terminal.process.setwinsize(20, 70)
    terminal.wait_for(r"\bw119\b")
    terminal.wait_for_prompt()
    assert re.findall(r"w\d+", answered(terminal)) == words.split()


def test_plain_writes_line_by_line(replay: Replay, open_terminal: Open) -> None:
    answers = threading.Event()
    terminal = open_terminal(replay({"/api/chat": saying(ANSWER, held=(None, answers))}), "--plain")
    terminal.send_line("Tides?")
    terminal.wait_for("^loading smollm2:135m…$")
    answers.set()
    terminal.wait_for("^> quoted words$")
    terminal.wait_for_prompt()
    shown = bytes(terminal.raw).split(b"(ollama)")[1].split(b"> quoted")[0]
    assert re.sub(rb"\x1b\[\d*m", b"", shown).count(b"\x1b") == 0
    assert shown.count("loading smollm2:135m…".encode()) == 1


def test_figures_follow_an_answer_on_request_or_by_setting(replay: Replay, open_terminal: Open) -> None:
    terminal = open_terminal(replay({"/api/chat": "chat_stream"}))
    terminal.ask("Moon?")
    terminal.ask("/stats")
    figures = r"\d+ tokens · [\d.]+ tokens/s · first after [\d.]+ s"
    terminal.wait_for(f"^ollama/smollm2:135m: {figures}")
    terminal.ask("/set repl.stats true")
    terminal.ask("Moon?")
    terminal.wait_for(f"^{figures}")


def test_a_theme_is_chosen_for_the_session(replay: Replay, open_terminal: Open) -> None:
    terminal = open_terminal(replay({"/api/chat": saying("`code`")}))
    terminal.ask("One")
    terminal.ask("/theme light")
    terminal.ask("Two")
    terminal.wait_for("^code$", count=2)
    first, second = (row for row, line in enumerate(terminal.display) if line == "code")
    assert terminal.screen.buffer[first][0].fg != terminal.screen.buffer[second][0].fg


def test_the_bar_shows_who_answers(replay: Replay, open_terminal: Open) -> None:
    terminal = open_terminal(replay({"/api/chat": saying("Hi")}))
    terminal.wait_for(r"^smollm2:135m")
    terminal.ask("Hello")
    terminal.wait_for(r"^ollama/smollm2:135m")


@pytest.mark.parametrize(("arguments", "environ"), [(("--plain",), {}), ((), {"TERM": "dumb"})])
def test_a_question_of_two_tools_is_asked_line_by_line(
    replay: Replay, open_terminal: Open, arguments: tuple[str, ...], environ: dict[str, str], tmp_path: Path
) -> None:
    first = json.loads((load("chat_stream").lines or ())[0])
    calls = [{"function": {"name": "read_file", "arguments": {"path": name}}} for name in ("a.txt", "b.txt")]
    message = json.dumps({**first, "message": {"role": "assistant", "content": "", "tool_calls": calls}})
    end = saying("")
    wish = end.but(lines=(message, (end.lines or ())[-1]), line_ms=(0, 0))
    (tmp_path / "home").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "home" / name).write_text("one\ntwo\n")
    terminal = open_terminal(
        replay({"/api/chat": [wish, saying("Read.")]}), *arguments, environ={**environ, "OLLM_TOOLS": "all"}
    )
    terminal.send_line("Read both.")
    for number in (1, 2):
        terminal.wait_for(r"^\[y yes, .*", count=number)
        terminal.wait_until(lambda: terminal.cursor_line.endswith("] "), "the question")
        terminal.send_line("y")
    terminal.wait_for("^Read\\.$")
    terminal.wait_for_prompt()
    found = re.findall(r"^tool read_file → 2 lines$", terminal.text, re.MULTILINE)
    assert len(found) == 2, "none within the second question"
