"""How does a command speak to its user?

Answers go to stdout, everything else to stderr. On a terminal, tables and progress are drawn by rich; in a
pipe they are plain lines. Whatever is printed here has its control characters made visible.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import Struct

from ollm.messages import Notice, Progress, Step
from ollm.text import escaped, visible
from ollm.wording import as_typed_in_repl, between_words

if TYPE_CHECKING:
    from ollm.questions import Question, Reply


def to_document(value: Any) -> Any:
    """Turn contributions, messages and the like into what JSON can hold, with keys in camelCase."""
    from ollm.settings_model import camel

    if isinstance(value, Struct):
        return {camel(name): to_document(getattr(value, name)) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {camel(field.name): to_document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_document(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_document(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return value


class Output:
    """The two streams of a run.

    A front end that owns the terminal sets `on_notice` and `on_question` to show them in its own way, `linear` where
    nothing may be drawn anew, as screen readers want it, and `is_read` where what commands print is read, not piped,
    and a command is typed with a slash.

    :param color: None: decide by terminal and NO_COLOR
    """

    def __init__(
        self, stdout: TextIO | None = None, stderr: TextIO | None = None, *, color: bool | None = None
    ) -> None:
        self.stdout = stdout or sys.stdout
        self.stderr = stderr or sys.stderr
        self._color = color
        self.on_notice: Callable[[Notice], None] | None = None
        self.on_question: Callable[[Question], Awaitable[Reply | None]] | None = None
        self.linear = False
        self.is_read = False
        self._said: set[Notice] = set()
        self._above: Callable[[str], None] | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether stdout is a terminal that can do more than print lines."""
        return self.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def draws_aside(self) -> bool:
        """Whether stderr is a terminal on which a line can be taken back, and may be."""
        return not self.linear and self.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def color(self) -> bool:
        """Whether colours are wanted: on a terminal, unless NO_COLOR or a flag says otherwise."""
        if self._color is not None:
            return self._color
        return self.is_terminal and not os.environ.get("NO_COLOR")

    def use_color(self, *, wanted: bool) -> None:
        """Overrule the terminal and NO_COLOR."""
        self._color = wanted

    @property
    def can_ask(self) -> bool:
        """Whether somebody sees a question and can answer it."""
        return self.stderr.isatty() and sys.stdin is not None and sys.stdin.isatty()

    def confirm(self, question: str) -> bool:
        """Ask a question that is answered with yes or no; anything but yes is no.

        :raises EOFError: the user has closed the input
        """
        self.stdout.flush()
        self.stderr.write(f"{visible(question)} [y/N] ")
        self.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise EOFError
        return answer.strip().lower() in ("y", "yes")

    def print(self, text: str = "") -> None:
        """Write a line to stdout."""
        if self.is_read:
            self.prose(text)
            return
        self.stdout.write(visible(text) + "\n")

    def prose(self, text: str) -> None:
        """Write a text to stdout that is read, not copied: on a terminal its lines break between words."""
        shown = visible(text)
        if self.is_terminal:
            from ollm.tables import broken

            shown = broken(shown, shutil.get_terminal_size().columns)
        self.stdout.write(shown + "\n")

    def write(self, text: str) -> None:
        """Write a piece of an answer to stdout at once."""
        self.stdout.write(visible(text))
        self.stdout.flush()

    def document(self, value: Any) -> None:
        """Write one JSON document to stdout."""
        self.stdout.write(escaped(json.dumps(to_document(value), indent=2, ensure_ascii=False)) + "\n")

    def line(self, value: Any) -> None:
        """Write one JSON document to stdout as a single line, at once."""
        text = json.dumps(to_document(value), ensure_ascii=False, separators=(",", ":"))
        self.stdout.write(escaped(text) + "\n")
        self.stdout.flush()

    def say(self, text: str) -> None:
        """Write a line to stderr, with what is on stdout so far in front of it; bars stay under it."""
        self.stdout.flush()
        if self.is_read:
            text = as_typed_in_repl(text)
        if self._above is not None:
            self._above(visible(text))
            return
        self.stderr.write(between_words(visible(text), self.stderr) + "\n")
        self.stderr.flush()

    def fresh(self) -> None:
        """Forget what was said: what happens again, in a new turn or command, is said again."""
        self._said.clear()

    def has_said(self, code: str) -> bool:
        """Say whether the user was told something of this code, in the present turn or command."""
        return any(notice.code == code for notice in self._said)

    def notify(self, notice: Notice) -> None:
        """Tell the user something once: on stderr, or where `on_notice` puts it."""
        if notice in self._said:
            return
        self._said.add(notice)
        if self.on_notice is not None and self._above is None:
            self.on_notice(notice)
        else:
            self.say(f"ollm: {notice.text}")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], spare: Sequence[str] = ()) -> None:
        """Write a table: drawn on a terminal, else one row a line with tabs between the cells.

        :param spare: columns that are left out where the terminal is too narrow, the first of them first
        """
        cells = _cells(rows)
        if self.is_terminal:
            self._draw(columns, cells, spare)
            return
        for row in ([*columns], *cells):
            self.stdout.write("\t".join(cell.replace("\t", " ").replace("\n", " ") for cell in row) + "\n")

    def _draw(self, columns: Sequence[str], cells: list[list[str]], spare: Sequence[str]) -> None:
        from rich.console import Console

        from ollm.tables import drawn

        console = Console(file=self.stdout, no_color=not self.color, highlight=False)
        console.print(drawn(columns, cells, spare, console.width))

    @contextmanager
    def changing_table(
        self, spare: Sequence[str] = ()
    ) -> Iterator[Callable[[Sequence[str], Iterable[Sequence[object]]], None]]:
        """Draw a table anew in one place, each time it is given; for a stdout that is a terminal.

        :param spare: as for `table`
        """
        from ollm.progress import in_place
        from ollm.tables import drawn

        with in_place(self.stdout, color=self.color) as draw:
            yield lambda columns, rows: draw(drawn(columns, _cells(rows), spare, shutil.get_terminal_size().columns))

    @contextmanager
    def progress(self, *, transient: bool = False) -> Iterator[Callable[[Progress | Step], None]]:
        """Show long work on stderr: a bar with rate and time left on a terminal, else a line now and then.

        :param transient: whether nothing of a bar stays on the screen at the end
        """
        if not self.draws_aside:
            yield _Lines(self.say).show
            return
        from ollm.progress import bars

        self.stdout.flush()
        with bars(self.stderr, color=self.color, transient=transient) as drawn:
            self._above = drawn.above
            try:
                yield drawn.show
            finally:
                self._above = None


def _cells(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    return [[visible("" if cell is None else str(cell)) for cell in row] for row in rows]


SETTLED = 0.5
"""Seconds of work before a rate says anything."""
EVERY = 5.0
"""Seconds between two lines about the same work."""


class _Line:
    """One label's work without a terminal: a line at the start, every five seconds, and at the end."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._due = 0.0
        self._over = False

    def text(self, progress: Progress) -> str | None:
        """Return how far the work is; None if that was said just now."""
        now = time.monotonic()
        over = progress.total is not None and progress.done >= progress.total
        if now < self._due and (self._over or not over):
            return None
        first, self._due, self._over = self._due == 0, now + EVERY, over
        return _told(progress, now - self._started, first=first)


class _Lines:
    """Progress without a terminal."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lines: dict[str, _Line] = {}
        self._step = ""

    def show(self, event: Progress | Step) -> None:
        """Say how far the work is, or which stage it is in, unless that was said just now."""
        text: str | None
        if isinstance(event, Step):
            text = event.text if event.text != self._step else None
            self._step = event.text
        else:
            text = self._lines.setdefault(event.label, _Line()).text(event)
        if text:
            self._say(text)


def _told(progress: Progress, seconds: float, *, first: bool) -> str:
    """Say how far work is, with its rate if that is known by now; of steps nobody knows how large they are."""
    if progress.unit == "steps" and progress.total:
        return f"{progress.label}: {100 * progress.done / progress.total:.0f} %"
    scale, unit = (1e6, "MB") if progress.unit == "bytes" else (1, progress.unit)
    of_total = f" of {progress.total / scale:.0f}" if progress.total else ""
    more = []
    if first and 0 < progress.resumed < (progress.total or progress.done):
        more.append(f"resumed at {progress.resumed / scale:.0f} {unit}")
    rate = (progress.done - progress.resumed) / seconds if seconds > SETTLED else 0.0
    if rate >= scale / 100:  # else it is so slow that a time left would be a guess
        more.append(f"{rate / scale:.1f} {unit}/s")
        more += [f"{max(0, progress.total - progress.done) / rate:.0f} s left"] if progress.total else []
    return f"{progress.label}: {progress.done / scale:.0f}{of_total} {unit}" + (f" ({', '.join(more)})" if more else "")
