"""Is an answer drawn as it is written, whatever pieces it comes in and however small the window is?"""

from __future__ import annotations

import asyncio
import io
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyte
import pytest

from ollm.api import (
    Event,
    Finished,
    Message,
    Notice,
    Output,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCalled,
    ToolDecided,
    ToolReturned,
    TurnRecord,
    Usage,
    Waiting,
)
from ollm_plugins.repl import silence
from ollm_plugins.repl.canvas import Canvas
from ollm_plugins.repl.look import THEMES, Look
from ollm_plugins.repl.markdown import Markdown
from ollm_plugins.repl.screen import Screen
from ollm_plugins.repl.settings import ReplSettings
from ollm_plugins.repl.spinner import Spinner
from ollm_plugins.repl.stats import figures, stats_text


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Window:
    """A terminal emulator, and the stream that it shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, columns: int = 40, rows: int = 12) -> None:
        self._environ = monkeypatch
        self.screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=1.0)
        self._stream = pyte.Stream(self.screen)
        self.raw = ""
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        self._environ.setenv("COLUMNS", str(columns))
        self._environ.setenv("LINES", str(rows))
        self.screen.resize(rows, columns)

    def write(self, text: str) -> None:
        self.raw += text
        self._stream.feed(text.replace("\n", "\r\n"))

    @property
    def lines(self) -> list[str]:
        gone = ["".join(row[at].data for at in range(self.screen.columns)) for row in self.screen.history.top]
        return "\n".join(line.rstrip() for line in [*gone, *self.screen.display]).rstrip("\n").split("\n")

    def style(self, text: str) -> Any:
        """The style of the first letter of a text on the screen."""
        for at, line in enumerate(self.screen.display):
            if text in line:
                return self.screen.buffer[at][line.index(text)]
        raise AssertionError(f"{text!r} is not on the screen")


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return


Open = Callable[..., Window]


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Open:
    return lambda columns=40, rows=12: Window(monkeypatch, columns, rows)


def pieces(source: str, seed: int) -> Iterator[str]:
    """Cut a source into pieces as a model would write it, or by single letters for the seed 0."""
    chance, at = random.Random(seed), 0
    while at < len(source):
        size = chance.randint(1, 9) if seed else 1
        yield source[at : at + size]
        at += size


def draw(window: Window, source: str, seed: int = 1, theme: str = "dark") -> list[str]:
    markdown = Markdown(Canvas(window.write), Look(Output(Tty(), Tty(), color=True), theme))
    for piece in pieces(source, seed):
        markdown.add(piece)
    markdown.end()
    return window.lines


WHOLE = """# Head
The **Moon** is `tidally locked`, see [NASA](https://nasa.gov) and
a second line, long enough to fill more than one row.

## Facts ##
- one entry that is longer than the row it stands in
  - nested *entry*
  continued
1. first
2) second

```python
def f(x: int) -> str:
    return "a line that is longer than the row it stands in"
```
> Said **somebody** who said more than fits into one row

| Name | Value |
|------|------:|
| a | 1 |
| `b|c` | **22** |

***
End
"""
SHOWN = """Head
The Moon is tidally locked, see NASA
(https://nasa.gov) and a second line,
long enough to fill more than one row.

Facts ##
• one entry that is longer than the row
  it stands in
  • nested entry continued
1. first
2) second

def f(x: int) -> str:
    return "a line that is longer than t
he row it stands in"

│ Said somebody who said more than fits
│ into one row

Name   Value
────────────
a          1
b|c       22

───────────────────────────────────────
End""".split("\n")


@pytest.mark.parametrize("seed", range(6))
def test_the_pieces_make_no_difference(window: Open, seed: int) -> None:
    assert draw(window(), WHOLE, seed) == SHOWN


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 12), (20, 8), (12, 5)])
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_is_lost_or_shown_twice_in_small_windows(window: Open, columns: int, rows: int, theme: str) -> None:
    words = [f"w{at}" for at in range(400)]
    source = " ".join(f"**{word}**" if at % 7 == 0 else word for at, word in enumerate(words))
    shown = " ".join(draw(window(columns, rows), f"- {source}\n\n{source}", theme=theme))
    assert re.findall(r"w\d+", shown) == [*words, *words]


def test_emphasis_that_never_ends_is_cut_and_goes_on(window: Open) -> None:
    words = [f"w{at}" for at in range(300)]
    opened = window()
    shown = " ".join(draw(opened, f"**{' '.join(words)}** end"))
    assert re.findall(r"w\d+", shown) == words
    assert opened.style("w299").bold
    assert not opened.style("end").bold


@pytest.mark.parametrize("text", ["x" * 2000, "\u6708" * 900, "`" + "y" * 900, "[" + "z" * 900])
def test_what_has_no_place_to_be_cut(window: Open, text: str) -> None:
    opened = window()
    assert "".join(draw(opened, text)).replace(" ", "") == text
    assert max(map(int, re.findall(r"\x1b\[(\d+)A", opened.raw))) < 12


def test_cjk_is_broken_between_letters(window: Open) -> None:
    assert draw(window(20), "ab \u6708\u306f\u5730\u7403\u306e\u552f\u4e00\u306e\u81ea\u7136\u885b\u661f") == [
        "ab \u6708\u306f\u5730\u7403\u306e\u552f\u4e00\u306e",
        "\u81ea\u7136\u885b\u661f",
    ]


def test_a_long_text_without_spaces_has_its_emphasis(window: Open) -> None:
    letters = "\u6708\u306f\u5730\u7403" * 100
    opened = window(40)
    shown = draw(opened, f"{letters}**{letters[:8]}**{letters}`x`")
    assert "".join(shown).replace(" ", "") == f"{letters}{letters[:8]}{letters}x"
    assert max(map(int, re.findall(r"\x1b\[(\d+)A", opened.raw))) <= 2


def test_html_and_signs_are_text(window: Open) -> None:
    source = "Use <div> & <b>x</b>, 2 * 3 * 4, snake_case_name, a\\*b, 5 < 6 &amp; ![pic](u.png)"
    assert " ".join(draw(window(60), source)) == (
        "Use <div> & <b>x</b>, 2 * 3 * 4, snake_case_name, a*b, 5 < 6 & [pic] (u.png)"
    )


def test_code_is_nothing_but_code(window: Open) -> None:
    code = ["if x:", "", "\ty = '''a", "b'''  # c", "        z", "```", "> quoted"]
    opened = window()
    draw(opened, "Look:\n````py\n" + "\n".join(code) + "\n````\nDone")
    assert [line.expandtabs(8) for line in code] == opened.lines[2:-2]
    assert opened.style("b'''").fg == opened.style("'''a").fg, "a string that goes on keeps its colour"
    assert opened.style("# c").fg != opened.style("if").fg


@pytest.mark.parametrize("fence", ["```", "~~~", "  ```", "> ```"])
def test_code_that_is_never_closed(window: Open, fence: str) -> None:
    lead = fence.rstrip("`~")
    assert draw(window(), f"{fence}py\n{lead}x = 1\n{lead}y")[-2:] == [
        ("\u2502 " if ">" in lead else "") + line for line in ("x = 1", "y")
    ]


def test_a_long_table_goes_on_row_by_row(window: Open) -> None:
    rows = "".join(f"| r{at} | v{at} |\n" for at in range(50))
    opened = window()
    shown = draw(opened, f"| a | b |\n|---|---|\n{rows}")
    assert re.findall(r"r(\d+) +v(\d+)", "\n".join(shown)) == [(str(at), str(at)) for at in range(50)]
    assert max(map(int, re.findall(r"\x1b\[(\d+)A", opened.raw)), default=0) < 12


def test_a_table_too_wide_becomes_a_list(window: Open) -> None:
    shown = draw(window(20), "| name | b | c | d |\n|-|-|-|-|\n| 1 | 2 | 3 | 4 |")
    assert shown == ["name: 1", "b: 2", "c: 3", "d: 4"]


def test_words_of_a_table_stay_whole(window: Open) -> None:
    source = "| a | description |\n|---|---|\n| of a cell that is long | everywhere |\n| b | c |\n\nEnd"
    assert draw(window(30), source) == [
        "a                 description",
        "─" * 29,
        "of a cell that    everywhere",
        "is long",
        "b                 c",
        "",
        "End",
    ]
    assert draw(window(18), source) == [
        "a: of a cell that",
        "is long",
        "description:",
        "everywhere",
        "",
        "a: b",
        "description: c",
        "",
        "End",
    ]
    cells = [line.split()[0] for line in draw(window(40), f"| a | b |\n|---|---|\n| {'x' * 60} | y |")[2:]]
    assert cells == ["x" * 35, "x" * 25], "what is longer than any word is broken"


def test_the_head_of_a_table_without_rows_is_there(window: Open) -> None:
    assert draw(window(20), "| name | b | c | d |\n|-|-|-|-|") == ["name", "b", "c", "d"]
    assert draw(window(), "| name | b |\n|-|-|")[0] == "name   b"


def test_a_tab_at_the_edge_hides_nothing(window: Open) -> None:
    assert "".join(draw(window(12), "```\nabcdefghi\tj\tk\n```")).replace(" ", "") == "abcdefghijk"


def test_what_stands_behind_a_fence_is_not_lost(window: Open) -> None:
    assert draw(window(), "```Here it is\nx\n```") == ["Here it is", "x"]


def test_bars_that_are_no_table(window: Open) -> None:
    assert draw(window(), "|x| is a norm\nand |y| too") == ["|x| is a norm and |y| too"]
    assert draw(window(), "|x|") == ["|x|"]


@pytest.mark.parametrize("columns", [25, 60])
def test_a_window_that_changes_loses_nothing(window: Open, columns: int) -> None:
    opened = window()
    markdown = Markdown(Canvas(opened.write), Look(Output(Tty(), Tty(), color=True), "dark"))
    words = [f"w{at}" for at in range(60)]
    for at, word in enumerate(words):
        if at == 30:
            before = len(opened.raw)
            opened.resize(columns, 12)
        markdown.add(f"{word} ")
    markdown.end()
    if columns == 60:
        found = re.findall(r"w\d+", " ".join(opened.lines))
        assert found == words
    else:  # a terminal may have broken the rows anew, so that nobody knows where they begin: they stay
        stands = re.search(r"\n|\x1b\[\d*[AJ]", opened.raw[before:])
        assert stands is not None
        assert stands[0] == "\n"


def test_what_stands_before_a_row_gives_it_no_style(window: Open) -> None:
    opened = window()
    draw(opened, "- one\n> two\n\nthree four", theme="solarized-dark")
    mark = opened.style("\u2022").fg
    assert mark != "default"
    assert [opened.style(word).fg for word in ("one", "two", "four")] == ["default"] * 3


def test_what_is_drawn_anew_stays_small(window: Open) -> None:
    opened = window(80, 24)
    source = "A sentence with some words in it, **bold** and `code`. " * 300
    draw(opened, source)
    assert len(opened.raw) < 5 * len(source)
    assert max(map(int, re.findall(r"\x1b\[(\d+)A", opened.raw))) <= 2


def screen(window: Window, *events: Event, color: bool = True, **wanted: Any) -> list[str]:
    class Stream(Tty):
        def write(self, text: str) -> int:
            window.write(text)
            return len(text)

    out = Output(Stream(), Stream(), color=color)
    drawn = Screen(out, lambda: ReplSettings(**wanted))
    out.on_notice = drawn.notice
    drawn.begin()
    for event in events:
        drawn.show(event)
    drawn.rest()
    return window.lines


CALL = ToolCall("1", "read_file", {"path": "src/a.py", "offset": 10})


def test_a_tool_takes_one_line(window: Open) -> None:
    many, one = ToolReturned(CALL, "a\nb\nc\n"), ToolReturned(CALL, "only this")
    assert screen(window(80), ToolCalled(CALL), many) == ["● read_file src/a.py offset=10 → 3 lines"]
    assert screen(window(80), ToolCalled(CALL), one) == ["● read_file src/a.py offset=10 → only this"]
    assert screen(window(80), ToolCalled(CALL), ToolReturned(CALL, "No such file\nx", failed=True)) == [
        "● read_file src/a.py offset=10 → failed: No such file"
    ]


def test_who_decided_is_said_when_it_was_not_the_user(window: Open) -> None:
    by_rule = ToolDecided(CALL, allowed=True, by="rule", reason="read src/**")
    assert screen(window(80), ToolCalled(CALL), by_rule, ToolReturned(CALL, "x"))[0].endswith("→ x (rule: read src/**)")
    by_user = ToolDecided(CALL, allowed=True, by="user")
    assert screen(window(80), ToolCalled(CALL), by_user, ToolReturned(CALL, "x"))[0].endswith("→ x")
    refused = ToolDecided(CALL, allowed=False, by="mode", reason="plan only")
    returned = ToolReturned(CALL, "plan only", failed=True)
    assert screen(window(80), ToolCalled(CALL), refused, returned) == [
        "● read_file src/a.py offset=10 → refused by mode: plan only"
    ]


def test_a_tool_that_still_runs_is_seen_after_another_has_ended(window: Open) -> None:
    other = ToolCall("2", "grep", {"text": "x"})
    opened = window(80)

    class Stream(Tty):
        def write(self, text: str) -> int:
            opened.write(text)
            return len(text)

    drawn = Screen(Output(Stream(), Stream(), color=True))
    drawn.begin()
    for event in (ToolCalled(CALL), ToolCalled(other), ToolReturned(other, "found")):
        drawn.show(event)
    assert opened.lines[0] == "● grep x → found"
    assert re.fullmatch(r". read_file src/a.py offset=10 0 s", opened.lines[1])
    drawn.show(ToolReturned(CALL, "a"))
    assert re.fullmatch(r". \d+ s", opened.lines[2]), "the model is waited for again"
    drawn.over()
    assert opened.lines == ["● grep x → found", "● read_file src/a.py offset=10 → a"]


def test_a_long_call_gives_way_to_its_result(window: Open) -> None:
    call = ToolCall("1", "write", {"text": "word " * 100})
    (line,) = screen(window(40), ToolCalled(call), ToolReturned(call, "done"))
    assert re.fullmatch(r"● write word word .*… → done", line)
    assert len(line) < 40


def test_thoughts_folded_and_hidden(window: Open) -> None:
    events = ThinkingDelta("Hm"), ThinkingDelta(" well"), TextDelta("Yes")
    assert screen(window(), *events, thinking="fold") == ["thought for 0 s; /thinking shows it", "Yes"]
    assert screen(window(), *events, thinking="hide") == ["Yes"]
    assert screen(window(), *events) == ["Hm well", "", "Yes"]


@pytest.mark.parametrize(("color", "wanted"), [(True, {"plain": True}), (False, {})])
def test_plain_output_is_linear(window: Open, color: bool, wanted: dict[str, bool]) -> None:
    opened = window()
    events = Waiting("m", 1), Waiting("m", 2), ToolCalled(CALL), ToolReturned(CALL, "x"), TextDelta("**a**\n| b |")
    lines = screen(opened, *events, color=color, **wanted)
    assert lines == ["loading m…", "tool read_file src/a.py offset=10", "tool read_file → x", "**a**", "| b |"]
    assert re.sub(r"\x1b\[\d*m", "", opened.raw).count("\x1b") == 0


def test_a_notice_in_the_middle_settles_what_came(window: Open) -> None:
    shown = screen(window(), TextDelta("Some **bold"), Notice("x", "Hear!"), TextDelta("** text"), Finished("stop"))
    assert shown[:2] == ["Some **bold", "ollm: Hear!"]


def test_the_spinner_turns_on_when_another_thread_has_said_something() -> None:
    """As the one that writes sessions does where the disk is full."""
    drawn: list[str] = []

    async def wait() -> int:
        spinner = Spinner(drawn.append, drawn.clear)
        spinner.start(seconds=1.0)
        await asyncio.to_thread(lambda: (spinner.stop(), spinner.go_on()))
        until = time.monotonic() + 30
        while len(drawn) < 3 and time.monotonic() < until:
            await asyncio.sleep(0.02)
        turned = len(drawn)
        spinner.stop()
        return turned

    assert asyncio.run(wait()) >= 3


def test_the_spinner_moves_by_itself_and_leaves_nothing(window: Open) -> None:
    opened = window()

    class Stream(Tty):
        def write(self, text: str) -> int:
            opened.write(text)
            return len(text)

    async def turn() -> None:
        drawn = Screen(Output(Stream(), Stream(), color=True))
        drawn.begin()
        drawn.asked(warm=False)
        async with asyncio.timeout(30):
            while not re.fullmatch(r". \d+ s", opened.lines[0]):
                await asyncio.sleep(0.01)
            drawn.show(Waiting("m:1b", 3.0))
            while not re.fullmatch(r". loading m:1b… ([3-9]|\d\d) s", opened.lines[0]):
                await asyncio.sleep(0.01)
        drawn.show(TextDelta("Hi"))
        drawn.rest()
        written = len(opened.raw)
        await asyncio.sleep(0.25)
        assert len(opened.raw) == written, "nothing is drawn when it is over"

    asyncio.run(turn())
    assert opened.lines == ["Hi"]


async def seen(opened: Window, pattern: str) -> None:
    """Wait until a window shows something."""
    async with asyncio.timeout(30):
        while not re.search(pattern, "\n".join(opened.lines), re.MULTILINE):
            await asyncio.sleep(0.01)


def opened_screen(opened: Window) -> Screen:
    class Stream(Tty):
        def write(self, text: str) -> int:
            opened.write(text)
            return len(text)

    out = Output(Stream(), Stream(), color=True)
    drawn = Screen(out)
    out.on_notice = drawn.notice
    return drawn


def test_after_a_notice_it_is_seen_that_the_turn_goes_on(window: Open) -> None:
    opened = window()

    async def turn() -> None:
        drawn = opened_screen(opened)
        drawn.begin()
        drawn.notice(Notice("x", "The oldest turns are summarized."))
        await seen(opened, r"^. \d+ s$")
        drawn.show(Waiting("m:1b", 7.0))
        await seen(opened, r"^. loading m:1b… ([7-9]|\d\d) s$")
        drawn.show(Notice("y", "Something else."))
        await seen(opened, r"Something else\.\n. loading m:1b… ([7-9]|\d\d) s$")
        drawn.show(ToolCalled(CALL))
        drawn.show(ToolReturned(CALL, "a"))
        await seen(opened, r"→ a\n. \d+ s$")
        drawn.over()

    asyncio.run(turn())
    assert opened.lines[2:] == ["● read_file src/a.py offset=10 → a"]


def test_a_question_has_the_terminal_alone(window: Open) -> None:
    opened = window()

    async def turn() -> None:
        drawn = opened_screen(opened)
        drawn.begin()
        drawn.show(ToolCalled(CALL))
        await seen(opened, r"^. read_file src/a.py offset=10 \d+ s$")
        with drawn.lent():
            drawn.notice(Notice("x", "Hear!"))
            written = len(opened.raw)
            await asyncio.sleep(0.5)
            assert len(opened.raw) == written
        await seen(opened, r"^. read_file src/a.py offset=10 \d+ s$")
        drawn.over()

    asyncio.run(turn())
    assert opened.lines == ["ollm: Hear!"]


@pytest.mark.parametrize(
    ("event", "stands"),
    [
        (TextDelta("Let me **look"), r"Let me \*\*look"),
        (TextDelta("Look:\n\n"), "Look:\n"),
        (ThinkingDelta("Hm, well "), "Hm, well"),
        (TextDelta(f"```\n{'x' * 50}"), None),
        (TextDelta("x" * 38), None),
    ],
)
def test_silence_in_the_middle_of_an_answer_is_seen(
    window: Open, monkeypatch: pytest.MonkeyPatch, event: TextDelta | ThinkingDelta, stands: str | None
) -> None:
    opened = window(40)
    monkeypatch.setattr(silence, "PATIENCE", 0.05)

    async def turn() -> None:
        drawn = opened_screen(opened)
        drawn.begin()
        drawn.show(event)
        before = opened.lines
        if stands is not None:
            await seen(opened, rf"{stands} . \d+ s$")
        else:
            await asyncio.sleep(0.5)
            assert opened.lines == before, "there is no room for it, or nobody knows whether there is"
        drawn.show(event)
        drawn.over()

    asyncio.run(turn())
    assert opened.lines == screen(window(40), event, event)


def test_figures_of_a_turn() -> None:
    usage = Usage(prompt_tokens=12, completion_tokens=128, completion_seconds=2.0)
    turn = TurnRecord("1", "acme", "m", (Message("user", "x"),), "stop", usage, (), 3.0, 0.84)
    assert stats_text(turn) == "128 tokens · 64.0 tokens/s · first after 0.8 s · 3.0 s in all · 12 tokens read"
    assert figures(turn)["tokensPerSecond"] == 64.0
    bare = TurnRecord("1", "acme", "m", (Message("user", "x"),), "stop", Usage(), (), 3.0, None)
    assert stats_text(bare) == "3.0 s in all"
