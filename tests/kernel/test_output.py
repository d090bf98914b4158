import fcntl
import io
import json
import os
import pty
import re
import struct
import termios
import threading
from pathlib import Path
from types import SimpleNamespace

import pyte
import pytest

from ollm.messages import Notice, Progress, Step, TextDelta, Usage
from ollm.output import Output, to_document


@pytest.fixture
def out():
    return Output(io.StringIO(), io.StringIO())


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_documents_have_camel_case_keys_and_plain_values():
    value = {"a_b": [Usage(prompt_tokens=3)], "path": Path("/x"), "event": TextDelta("t"), "set": ("x",)}
    assert to_document(value) == {
        "a_b": [
            {
                "promptTokens": 3,
                **dict.fromkeys(
                    ("completionTokens", "loadSeconds", "promptSeconds", "completionSeconds", "totalSeconds")
                ),
            }
        ],
        "path": "/x",
        "event": {"text": "t"},
        "set": ["x"],
    }


def test_a_document_can_be_read_back_and_holds_no_live_control_characters(out):
    out.document({"text": "\x1b[2J\u202e\x9b"})
    written = out.stdout.getvalue()
    assert json.loads(written) == {"text": "\x1b[2J\u202e\x9b"}
    assert not set(written) & set("\x1b\u202e\x9b")


def test_a_table_in_a_pipe_is_tab_separated_with_one_row_a_line(out):
    out.table(["name", "size"], [["a\tb\n\x1b[2J", 3], ["c", None]])
    assert out.stdout.getvalue() == "name\tsize\na b ␛[2J\t3\nc\t\n"


def test_a_table_on_a_terminal_is_drawn_and_shows_control_characters():
    out = Output(Terminal(), Terminal())
    out.table(["name"], [["[red]x\x1b[2J"]])
    written = out.stdout.getvalue()
    assert "[red]x␛[2J" in written
    assert "\x1b[2J" not in written


def test_a_notice_is_said_once_on_stderr(out):
    for _ in range(2):
        out.notify(Notice("code", "Something \x1b[2J happened."))
    assert out.stderr.getvalue() == "ollm: Something ␛[2J happened.\n"
    assert out.stdout.getvalue() == ""


@pytest.mark.parametrize(
    ("environ", "flag", "wanted"),
    [
        ({}, None, True),
        ({"NO_COLOR": "1"}, None, False),
        ({"NO_COLOR": "1"}, True, True),
        ({"TERM": "dumb"}, None, False),
        ({}, False, False),
    ],
)
def test_colour_by_terminal_variable_and_flag(monkeypatch, environ, flag, wanted):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert Output(Terminal(), color=flag).color is wanted
    assert Output(io.StringIO(), color=None).color is False


def test_progress_without_a_terminal_is_a_line_at_the_start_and_at_the_end(out):
    with out.progress() as show:
        for done in range(0, 101, 10):
            show(Progress("fetching", done * 10**6, 100 * 10**6))
            show(Progress("fetching", done * 10**6, 100 * 10**6))
    assert out.stderr.getvalue() == "fetching: 0 of 100 MB\nfetching: 100 of 100 MB\n"


def test_progress_of_unknown_length_is_said(out):
    with out.progress() as show:
        show(Progress("working", 3, None, "steps"))
    assert out.stderr.getvalue() == "working: 3 steps\n"


def test_progress_without_a_terminal_says_rate_and_time_left_of_each_label(out, monkeypatch):
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr("ollm.output.time", clock)
    with out.progress() as show:
        show(Progress("one", 40 * 10**6, 100 * 10**6, resumed=40 * 10**6))
        show(Progress("other", 0, 10**6))
        clock.now = 10.0
        show(Progress("one", 60 * 10**6, 100 * 10**6, resumed=40 * 10**6))
        show(Progress("other", 10**6, 10**6))
        show(Progress("one", 61 * 10**6, 100 * 10**6, resumed=40 * 10**6))
    assert out.stderr.getvalue().splitlines() == [
        "one: 40 of 100 MB (resumed at 40 MB)",
        "other: 0 of 1 MB",
        "one: 60 of 100 MB (2.0 MB/s, 20 s left)",
        "other: 1 of 1 MB (0.1 MB/s, 0 s left)",
    ]


def test_stages_without_a_terminal_are_lines(out):
    with out.progress() as show:
        for text in ("pulling", "pulling", "", "verifying \x1b[2J"):
            show(Step(text))
    assert out.stderr.getvalue() == "pulling\nverifying ␛[2J\n"


class Drawing:
    """A real terminal to write on, and the screen that somebody sees."""

    def __init__(self, columns, rows=24):
        self.raw, self._screen = b"", pyte.Screen(columns, rows)
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.terminal = os.fdopen(slave, "w")
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        try:
            while data := os.read(self._master, 65536):
                self.raw += data
        except OSError:  # how Linux ends a terminal whose last writer has left
            os.close(self._master)

    def rows(self):
        self.terminal.close()
        self._reader.join()
        pyte.ByteStream(self._screen).feed(self.raw)
        return [row.rstrip() for row in self._screen.display if row.strip()]


@pytest.fixture(autouse=True)
def _xterm(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")


def half_way(show):
    show(Progress("hf.co/someone/a-model-with-a-long-name-GGUF:Q4_K_M", 50 * 10**6, 100 * 10**6))
    show(Progress("layer 941f309b54ca", 45 * 10**6, 90 * 10**6))
    show(Step("resumed at 40 MB · no progress for 10 s; the server is retrying"))


@pytest.mark.parametrize(
    ("columns", "seen"),
    [
        (140, "hf.co/someone/a-model-with-a-long-name-GGUF:Q4_K_M ━━━.* 50.0/100.0 MB .* -:--:--"),
        (80, "hf.co/someone/a-model-with-a-long… ━━━.* 50.0/100.0 MB .* -:--:--"),
        (50, "hf.co/someone…  *50.0/100.0 MB .* -:--:--"),
        (30, "hf.co/som… 50.0/100.0 MB"),
    ],
)
def test_bars_fit_the_terminal(columns, seen, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))  # rich asks the three standard streams only, which pytest has taken
    drawing = Drawing(columns)
    with Output(io.StringIO(), drawing.terminal).progress() as show:
        half_way(show)
    whole, layer, words = drawing.rows()
    assert re.fullmatch(seen, whole)
    assert layer.startswith("layer 9") and "45.0/90.0 MB" in layer
    assert words.startswith("resumed at 40 MB · no")


def test_of_many_bars_the_finished_ones_go():
    drawing = Drawing(80, 12)
    with Output(io.StringIO(), drawing.terminal).progress() as show:
        for number in range(40):
            show(Progress(f"layer {number}", 1, 1))
            show(Progress("whole", number + 1, 41))
    (only,) = drawing.rows()
    assert only.startswith("whole ") and "40/41 bytes" in only


def test_what_is_said_beside_bars_stands_above_them():
    drawing, elsewhere = Drawing(80), []
    out = Output(io.StringIO(), drawing.terminal)
    out.on_notice = elsewhere.append
    with out.progress() as show:
        half_way(show)
        out.notify(Notice("code", "Something \x1b[2J happened."))
        out.say("x" * 100)
        half_way(show)
    out.notify(Notice("code", "That was all."))
    notice, long, rest, *bars = drawing.rows()
    assert (notice, long + rest) == ("ollm: Something ␛[2J happened.", "x" * 100)
    assert len(bars) == 3 and [each.text for each in elsewhere] == ["That was all."]


def test_transient_bars_leave_nothing():
    drawing = Drawing(80)
    with Output(io.StringIO(), drawing.terminal).progress(transient=True) as show:
        half_way(show)
    assert drawing.rows() == [] and b"941f309b54ca" in drawing.raw


def test_a_terminal_that_can_only_print_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    drawing = Drawing(80)
    with Output(io.StringIO(), drawing.terminal).progress() as show:
        half_way(show)
    assert b"\x1b" not in drawing.raw and drawing.rows()[1] == "layer 941f309b54ca: 45 of 90 MB"


@pytest.mark.parametrize(("is_read", "said"), [(True, "Run `/model list`.\n"), (False, "Run `ollm model list`.\n")])
def test_where_commands_have_a_slash_they_are_told_so(is_read, said):
    out = Output(io.StringIO(), io.StringIO())
    out.is_read = is_read
    out.say("Run `ollm model list`.")
    assert out.stderr.getvalue() == said


def test_lines_tell_steps_as_a_share_of_all():
    stream = io.StringIO()
    with Output(io.StringIO(), stream).progress() as show:
        show(Progress("unpacking", 16, 93, "steps"))
    assert stream.getvalue() == "unpacking: 17 %\n"


@pytest.mark.parametrize(("no_color", "colored"), [("", True), ("1", False)])
def test_bars_without_colour(monkeypatch, no_color, colored):
    monkeypatch.setenv("NO_COLOR", no_color)
    drawing = Drawing(80)
    with Output(drawing.terminal, drawing.terminal).progress() as show:
        half_way(show)
    drawing.rows()
    assert bool(re.search(rb"\x1b\[[\d;]*3\dm|\x1b\[38;", drawing.raw)) is colored


def test_labels_and_stages_are_shown_not_obeyed():
    drawing = Drawing(80)
    with Output(io.StringIO(), drawing.terminal).progress() as show:
        show(Progress("fetching \x1b]0;x\x07", 1, 2, "steps"))
        show(Step("verifying \x1b]0;x\x07"))
    bar, words = drawing.rows()
    assert bar.startswith("fetching ␛]0;x␇ ") and bar.count("1/2") == 1 and words == "verifying ␛]0;x␇"
    assert b"\x1b]0;" not in drawing.raw


def test_a_changing_table_stays_in_its_place():
    drawing = Drawing(80)
    with Output(drawing.terminal, io.StringIO()).changing_table() as draw:
        draw(["name", "left"], [["a\x1b[2J", "2s"], ["b", None]])
        draw(["name", "left"], [["a\x1b[2J", "1s"]])
    header, line, row = drawing.rows()
    assert header.split() == ["name", "left"] and set(line.strip()) == {"─"} and row.split() == ["a␛[2J", "1s"]


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (80, ["name", "size", "date", "note"]),
        (34, ["name", "size", "note"]),
        (26, ["name", "note"]),
        (5, ["name", "note"]),
    ],
)
def test_a_narrow_terminal_leaves_out_what_can_be_spared(width, shown):
    from ollm.tables import fitting_columns

    rows = [["llama3.1:8b", "4.7 GB", "2026-11-22", "one\ntwo words"]]
    assert fitting_columns(["name", "size", "date", "note"], rows, ("date", "absent", "size"), width) == shown


def test_what_is_left_out_of_a_table_is_said():
    from rich.console import Console

    from ollm.tables import drawn

    stream = io.StringIO()
    Console(file=stream, width=20).print(drawn(["name", "date"], [["llama3.1:8b", "2026-11-22"]], ("date",), 20))
    assert " ".join(stream.getvalue().split()).endswith("Too narrow for: date")
    assert "2026" not in stream.getvalue()


def drawn_lines(columns, rows, width, spare=()):
    from rich.console import Console

    from ollm.tables import drawn

    stream = io.StringIO()
    Console(file=stream, width=width).print(drawn(columns, rows, spare, width))
    return [line.rstrip() for line in stream.getvalue().splitlines() if line.strip()]


PROFILES = ["", "profile", "families", "pinned", "falls back to", "what for"]
OF_CODE = ["*", "code", "codellama, deepseek-coder, starcoder", "", "general", "Optimized for code generation"]


@pytest.mark.parametrize("width", range(64, 90))
def test_no_row_ends_beyond_the_terminal_and_no_word_is_broken(width):
    lines = drawn_lines(PROFILES, [OF_CODE], width)
    assert max(map(len, lines)) <= width
    assert {*" ".join(lines).split()} >= {word for cell in OF_CODE for word in cell.split()}
    assert "falls back to" in lines[0] and "pinned" not in lines[0]  # nothing stands in it


def test_where_words_have_no_room_side_by_side_cells_stand_below_each_other():
    assert drawn_lines(PROFILES, [OF_CODE], 40) == [
        "              *",
        "profile       code",
        "families      codellama, deepseek-coder,",
        "              starcoder",
        "falls back to general",
        "what for      Optimized for code",
        "              generation",
    ]


def test_an_empty_column_stays_where_there_is_room_and_in_an_empty_table():
    assert drawn_lines(["name", "note"], [["a", ""]], 80)[0].split() == ["name", "note"]
    assert drawn_lines(["name", "note"], [], 80)[0].split() == ["name", "note"]


def test_prose_breaks_between_words_on_a_terminal_only(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    text = "  Some words that are longer than a row, 日本語も同じように折り返します\n\n\x1b[2Jshort"
    for stream, expected in (
        (io.StringIO(), text.replace("\x1b", "␛") + "\n"),
        (Terminal(), "  Some words that\nare longer than a\nrow, \n日本語も同じように折\nり返します\n\n␛[2Jshort\n"),
    ):
        Output(stream, io.StringIO()).prose(text)
        assert [line.rstrip() for line in stream.getvalue().split("\n")] == [
            line.rstrip() for line in expected.split("\n")
        ]
