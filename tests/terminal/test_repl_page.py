"""Do the screens in docs/rooms/repl.md show what one sees? `python -m tests.terminal.test_repl_page` writes them anew."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.replay import Recording, ReplayServer, load
from tests.terminal.screen import Terminal

PAGE = Path(__file__).parents[2] / "docs" / "rooms" / "repl.md"
ANSWER = """The **Moon** pulls the sea: water rises on the side that faces it, and on the one that is turned away.

1. The Earth turns once a day, so each coast passes both.
2. The Sun does the same, *less than half* as much.

```python
def tide(hour: float) -> float:
    return math.cos(2 * math.pi * hour / 12.42)
```
"""


def saying(text: str) -> Recording:
    """A recording that says a text."""
    recording = load("chat_stream")
    assert recording.lines is not None
    first, last = json.loads(recording.lines[0]), json.loads(recording.lines[-1])
    pieces = re.findall(r"(?s).{1,5}", text)
    lines = [json.dumps({**first, "message": {"role": "assistant", "content": piece}}) for piece in pieces]
    return recording.but(lines=(*lines, json.dumps({**last, "done_reason": "stop"})), line_ms=(0,) * (len(lines) + 1))


def an_answer(terminal: Terminal) -> None:
    terminal.ask("Why are there tides?")
    terminal.wait_for(r"^ollama/smollm2:135m · context \d+%")


def an_answer_plainly(terminal: Terminal) -> None:
    terminal.ask("Why are there tides?")


def help_(terminal: Terminal) -> None:
    terminal.ask("/help")
    terminal.wait_for("^smollm2:135m$")


def a_menu(terminal: Terminal) -> None:
    terminal.wait_for("^smollm2:135m$")
    terminal.send("/session ")
    terminal.press("tab")
    terminal.wait_for("delete")
    terminal.press("tab")
    terminal.wait_until(lambda: terminal.cursor_line.startswith("> /session delete"), "the first one chosen")


SCREENS: dict[str, tuple[Callable[[Terminal], None], int, int, tuple[str, ...]]] = {
    "answer": (an_answer, 80, 24, ()),
    "help": (help_, 80, 24, ()),
    "narrow": (an_answer, 40, 12, ()),
    "menu": (a_menu, 40, 12, ()),
    "plain": (an_answer_plainly, 80, 24, ("--plain",)),
}
"""What is done at a terminal of so many columns and rows, by the name of its screen."""


def screen(name: str, home: Path) -> str:
    """Return what one sees, as text."""
    work, columns, rows, arguments = SCREENS[name]
    with ReplayServer({"/api/chat": saying(ANSWER)}) as server:
        usual = {"OLLM_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}
        with Terminal(home, usual, *arguments, columns=columns, rows=rows) as terminal:
            terminal.wait_for_prompt()
            work(terminal)
            return "\n".join(terminal.display).rstrip()


def shown(page: str, name: str) -> re.Match[str] | None:
    """Return where a screen stands in the page."""
    return re.search(rf"(?s)(<!-- screen: {name} -->\n````text\n)(.*?)(\n````\n)", page)


@pytest.mark.parametrize("name", SCREENS)
def test_the_page_shows_what_one_sees(name: str, tmp_path: Path) -> None:
    there = shown(PAGE.read_text(), name)
    assert there is not None, f"the page has no screen '{name}'"
    version = re.compile(r"ollm \d+\.\d+\.\d+")
    wanted = version.sub("ollm", there[2])
    for number in range(3):  # where a server keeps one waiting, that is shown as well
        (home := tmp_path / str(number)).mkdir()
        if (seen := version.sub("ollm", screen(name, home))) == wanted:
            break
    assert seen == wanted, "python -m tests.terminal.test_repl_page"


def write() -> None:
    """Write the screens anew."""
    page = PAGE.read_text()
    for name in SCREENS:
        there = shown(page, name)
        assert there is not None, f"the page has no screen '{name}'"
        with tempfile.TemporaryDirectory() as home:
            page = page[: there.start(2)] + screen(name, Path(home)) + page[there.end(2) :]
    PAGE.write_text(page)


if __name__ == "__main__":
    write()
