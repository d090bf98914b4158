"""Do the parts of the REPL do what they say? The whole of it is tested in `tests/terminal`."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as some
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from ollm.api import (
    CONTEXT_FULL,
    LENGTH_NOTICE,
    Event,
    Finished,
    Node,
    Notice,
    OllmError,
    Output,
    Progress,
    Specs,
    StatusContext,
    StatusItem,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCalled,
    ToolReturned,
    UsageError,
    Waiting,
    hookimpl,
)
from ollm_plugins.repl import statusbar
from ollm_plugins.repl.above import Above
from ollm_plugins.repl.helping import found, overview, page
from ollm_plugins.repl.screen import CLEAR_LINE, DIM, PLAIN, Screen
from ollm_plugins.repl.slash import split
from ollm_plugins.repl.thoughts import Thoughts
from ollm_plugins.repl.wrapping import cells
from ollm_plugins.repl.statusbar import StatusBar, fitting

ROOT = Node(
    "ollm",
    children={
        "help": Node("help", "Help.", owned=object()),  # type: ignore[arg-type]
        "model": Node(
            "model",
            "Models.",
            children={"list": Node("list", "List what there is, in any order.", owned=object())},  # type: ignore[arg-type]
        ),
    },
)


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in (("TERM", "xterm"), ("COLUMNS", "40"), ("LINES", "12")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    return


def drawn(*events: Event, color: bool = False) -> str:
    stream = Tty()
    out = Output(stream, stream, color=color)
    screen = Screen(out)
    out.on_notice = screen.notice
    for event in events:
        screen.show(event)
    screen.rest()
    return stream.getvalue()


def test_text_is_written_as_it_comes() -> None:
    assert drawn(TextDelta("One"), TextDelta(" two\n"), TextDelta(""), Finished("stop")) == "One two\n"


def test_every_piece_of_thinking_ends_its_own_colour() -> None:
    shown = drawn(ThinkingDelta("Hm"), ThinkingDelta(". "), ThinkingDelta("So"), color=True)
    assert shown == f"{DIM}Hm.{PLAIN}{DIM} So\n{PLAIN}"


@given(some.lists(some.text(alphabet="ab \n\u65e5\U0001f30a", max_size=9), max_size=30), some.integers(4, 20))
def test_thoughts_break_between_words_and_lose_nothing(pieces: list[str], room: int) -> None:
    thoughts = Thoughts(room)
    shown = "".join(map(thoughts.add, pieces)) + thoughts.end()
    assert shown.split() == "".join(pieces).split() or "".join(shown.split()) == "".join("".join(pieces).split())
    assert [row for row in shown.split("\n") if cells(row.rstrip()) > room and " " in row.strip()] == []


def test_thoughts_are_written_word_by_word() -> None:
    thoughts = Thoughts(10)
    assert [thoughts.add(piece) for piece in ("On", "e t", "wo three", " four")] == ["", "One", " two", "\nthree"]
    assert thoughts.end() == " four\n"


def test_waiting_leaves_nothing() -> None:
    shown = drawn(Waiting("llama3.1:8b", 1.2), Waiting("llama3.1:8b", 2.2), color=True)
    *lines, nothing = re.sub(r"\x1b\[\d?m", "", shown).split(CLEAR_LINE)[1:]
    assert [line[2:] for line in lines] == ["loading llama3.1:8b… 1 s", "loading llama3.1:8b… 2 s"]
    assert nothing == ""


def test_a_waiting_line_never_wraps() -> None:
    shown = re.sub(r"\x1b\[\d?m", "", drawn(Waiting("m" * 100, 1), color=True))
    assert max(len(piece) for piece in shown.split(CLEAR_LINE)) == 39


def test_waiting_is_said_once_where_nothing_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(Waiting("m", 1), Waiting("m", 2), TextDelta("Hi")) == "loading m…\nHi\n"
    monkeypatch.setenv("TERM", "dumb")
    assert drawn(Waiting("m", 1), Waiting("m", 2), TextDelta("Hi")) == "loading m…\nHi\n"


@pytest.mark.parametrize("kind", [TextDelta, ThinkingDelta])
def test_control_characters_are_shown(kind: type[TextDelta]) -> None:
    assert drawn(kind("a\x1b]52;c;x\x07b")).endswith("a␛]52;c;x␇b\n")


def test_what_servers_and_tools_say_is_shown_too() -> None:
    call = ToolCall("1", "read\x1b[2J", {"path": "a\x1b"})
    for event in (
        Waiting("m\x1b[2J", 1),
        Notice("x", "n\x1b[2J"),
        ToolCalled(call),
        ToolReturned(call, "r\x1b[2J", failed=True),
    ):
        assert "\x1b[2J" not in drawn(event)


def test_the_token_limit_is_told() -> None:
    said = drawn(TextDelta("Once"), Finished("length"))
    assert said.split() == f"Once ollm: {LENGTH_NOTICE.text}".split()
    assert max(map(len, said.splitlines())) < 40, "broken between words"
    full = drawn(TextDelta("Once"), Notice(CONTEXT_FULL, "It is full."), Finished("length"))
    assert full == "Once\nollm: It is full.\n", "what the user was told is the reason"


def test_nothing_of_a_bar_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    screen, stream = pyte.Screen(60, 10), pyte.Stream()
    stream.attach(screen)
    stream.feed(drawn(Progress("reading", 5, 10, "tokens"), TextDelta("Hi")).replace("\n", "\r\n"))
    assert [line.rstrip() for line in screen.display if line.strip()] == ["Hi"]


def test_progress_ends_before_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    shown = drawn(Progress("weights", 10**6, 2 * 10**6), TextDelta("Hi"))
    assert shown == "weights: 1 of 2 MB\nHi\n"


def test_interrupting_keeps_the_text() -> None:
    stream = Tty()
    screen = Screen(Output(stream, stream, color=False))
    screen.show(TextDelta("Once upon"))
    screen.interrupt()
    assert stream.getvalue().replace(CLEAR_LINE, "") == "Once upon\n[interrupted]\n"


def test_failures_are_lines() -> None:
    stream = Tty()
    screen = Screen(Output(stream, stream, color=False))
    screen.fail(OllmError("It broke", "Mend it."))
    screen.fail(ValueError())
    assert stream.getvalue() == "ollm: It broke. Mend it.\nollm: ValueError\n"


def test_splitting() -> None:
    assert split("memory add k 'two words'") == ["memory", "add", "k", "two words"]
    for line in ("new 'x", 'new "', "new \\"):
        with pytest.raises(UsageError, match="never closed"):
            split(line)


def test_help_fits_its_window() -> None:
    for width in (30, 40, 80, 200):
        assert max(map(len, page(ROOT, width))) < width
        lines = list(overview(ROOT, width))
        assert max(map(len, lines)) < width
    assert lines[:5] == [
        "Commands",
        "  /help          Help.",
        "",
        "model: Models.",
        "  /model list    List what there is, in any order.",
    ]


def test_help_finds_what_a_word_stands_for() -> None:
    assert found(ROOT, "ORDER", 80) == ["  /model list  List what there is, in any order."]
    assert found(ROOT, "editor", 80) == ["  Ctrl-X Ctrl-E  Write the line in your editor."]
    assert found(ROOT, "nothing of the kind", 80) == []


def test_the_plugin_is_cheap_to_import() -> None:
    code = "import sys, ollm_plugins.repl.plugin; sys.exit('prompt_toolkit' in sys.modules or 'asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def items(*renders: Callable[[StatusContext], Any]) -> type[Specs]:
    class Bar(Specs):
        @hookimpl
        def ollm_status_items(self, ctx: object) -> list[StatusItem]:
            return [StatusItem(f"item-{n}", render, order=n) for n, render in enumerate(renders)]  # type: ignore[arg-type]

    return Bar


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (44, "acme/m:1b \u00b7 context 2% (84/4,096) \u00b7 plan"),
        (39, "acme/m:1b \u00b7 context 2% \u00b7 plan"),
        (25, "acme/m:1b \u00b7 plan \u00b7 \u2026"),
        (8, "acme/m:\u2026"),
    ],
)
def test_a_narrow_bar_leaves_out_explanations_then_items(width: int, shown: str) -> None:
    assert fitting(["acme/m:1b", "context 2% (84/4,096)", "plan"], width) == shown


def test_what_is_left_of_a_bar_has_its_explanations_again() -> None:
    items = ["acme/m:1b", "context 2% (84/4,096)", "many models that are in memory"]
    assert fitting(items, 40) == "acme/m:1b \u00b7 context 2% (84/4,096) \u00b7 \u2026"


def refreshed(ollm: Any, is_so: Callable[[StatusBar], bool]) -> StatusBar:
    """Refresh a bar until it is as it should be."""
    bar = StatusBar(ollm.app, lambda: StatusContext(ollm.app.context, "acme", "m:1b"))

    async def wait() -> None:
        refreshing, step = asyncio.create_task(bar.refresh(lambda: None)), 0.005
        async with asyncio.timeout(30):
            while not is_so(bar):
                await asyncio.sleep(step)
        refreshing.cancel()

    ollm.app.run(wait())
    return bar


def test_the_bar_joins_what_the_items_say(ollm_app: Any) -> None:
    ollm = ollm_app(items(lambda ctx: f"{ctx.provider} {ctx.model}", lambda ctx: None, lambda ctx: "two\nlines\x1b[2J"))
    refreshed(ollm, lambda bar: bar.text == "acme m:1b \u00b7 two lines\u241b[2J")


def test_an_item_that_fails_spoils_nothing_and_is_blamed_once(ollm_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statusbar, "EVERY", 0.01)
    asked: list[int] = []

    def breaks(ctx: StatusContext) -> str:
        asked.append(1)
        raise ZeroDivisionError("by zero")

    ollm = ollm_app(items(breaks, lambda ctx: 5, lambda ctx: "sound"), strict=False)
    refreshed(ollm, lambda bar: bar.text == "sound" and len(asked) > 3)
    said = ollm.stderr.getvalue()
    assert said.count("ZeroDivisionError: by zero") == 1
    assert said.count("it returned a int") == 1


def test_an_item_that_takes_long_is_left_out_and_holds_up_nothing(
    ollm_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statusbar, "EVERY", 0.01)
    monkeypatch.setattr(statusbar, "LOOKS", 5)
    go_on, asked = threading.Event(), []

    def slow(ctx: StatusContext) -> str:
        asked.append(1)
        assert go_on.wait(10)
        return "at last"

    ollm = ollm_app(items(slow, lambda ctx: "quick"), strict=False)
    refreshed(ollm, lambda bar: bar.text == "quick" and "it took longer than" in ollm.stderr.getvalue())
    assert len(asked) == 1, "it is not asked again before it has answered"
    go_on.set()
    refreshed(ollm, lambda bar: bar.text == "at last \u00b7 quick")


def test_time_in_which_the_whole_program_stood_still_is_nobodys_fault(
    ollm_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statusbar, "EVERY", 0.2)
    go_on = threading.Event()
    ollm = ollm_app(items(lambda ctx: go_on.wait(10) and "at last"), strict=False)
    bar = StatusBar(ollm.app, lambda: StatusContext(ollm.app.context, "acme", "m:1b"))

    async def wait() -> None:
        refreshing = asyncio.create_task(bar.refresh(lambda: None))
        await asyncio.sleep(0)
        time.sleep(0.7)  # as after Ctrl-Z
        await asyncio.sleep(0.1)  # one look
        go_on.set()
        async with asyncio.timeout(10):
            while bar.text != "at last":
                await asyncio.sleep(0.005)
        refreshing.cancel()

    ollm.app.run(wait())
    assert ollm.stderr.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab\u2026"), ("\u65e5\u672c\u8a9e", 6, "\u65e5\u672c\u8a9e")]
    + [
        ("\u65e5\u672c\u8a9e", 5, "\u65e5\u672c\u2026"),
        ("\u65e5\u672c\u8a9e", 4, "\u65e5\u2026"),
        ("abc", 1, "\u2026"),
    ],
)
def test_the_bar_is_cut_to_the_terminal(text: str, width: int, shown: str) -> None:
    assert fitting([text], width) == shown


def test_notices_are_said_above_the_prompt_from_any_thread_and_none_is_lost() -> None:
    said: list[str] = []
    above = Above(lambda notice: said.append(notice.text))
    above.notice(Notice("x", "before"))

    async def prompt() -> None:
        there = asyncio.Event()

        def around(say: Callable[[], None]) -> None:
            said.append("prompt away")
            say()
            there.set()

        with above.prompt(around):
            thread = threading.Thread(target=above.notice, args=(Notice("x", "meanwhile"),))
            thread.start()
            await there.wait()
            thread.join()
            above.notice(Notice("x", "at the end"))

    asyncio.run(prompt())
    above.notice(Notice("x", "after"))
    assert said == ["before", "prompt away", "meanwhile", "at the end", "after"]
