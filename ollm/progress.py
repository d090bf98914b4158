"""How is long work drawn on a terminal? Apart from `output`, so that rich is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from ollm.messages import Progress, Step
from ollm.text import visible

_FIGURES = 36
"""Columns that "123.4/567.8 MB", "10.2 MB/s" and "0:00:07" take, with a space before each."""
_WIDEST_BAR = 40
_NARROWEST_BAR = 8
_SHORTEST_NAME = 10


class _Name(ProgressColumn):
    """Shows a label, cut to `room` columns."""

    room = 80

    def render(self, task: Task) -> RenderableType:
        text = Text(task.description, no_wrap=True)
        text.truncate(self.room, overflow="ellipsis")
        return text


class _ByUnit(ProgressColumn):
    """Shows bytes in one way and everything else in another."""

    def __init__(self, of_bytes: ProgressColumn, of_others: ProgressColumn) -> None:
        self._of_bytes, self._of_others = of_bytes, of_others
        super().__init__()

    def render(self, task: Task) -> RenderableType:
        return (self._of_bytes if task.fields["unit"] == "bytes" else self._of_others).render(task)


class _Drawing(Bars):
    """Bars that fit the terminal's width at every moment, and a line of words under them."""

    def __init__(self, console: Console, *, transient: bool) -> None:
        self.words = ""
        self._terminal = console
        self._name, self._bar = _Name(), BarColumn()
        self._amount = _ByUnit(DownloadColumn(), MofNCompleteColumn())
        self._rate = _ByUnit(TransferSpeedColumn(), TextColumn(""))
        self._left = TimeRemainingColumn()
        super().__init__(console=console, transient=transient, redirect_stdout=False, redirect_stderr=False)

    def get_renderables(self) -> Iterator[RenderableType]:
        """Yield the bars, then the words."""
        self.columns = self._fitting(self._terminal.width)
        yield self.make_tasks_table(self.tasks)
        if self.words:
            yield Text(self.words, no_wrap=True, overflow="ellipsis")

    def _fitting(self, width: int) -> tuple[ProgressColumn, ...]:
        """Choose the columns for a terminal's width; what says least goes first."""
        longest = max((len(task.description) for task in self.tasks if task.visible), default=0)
        room = width - _FIGURES - 2
        if room < _SHORTEST_NAME + _NARROWEST_BAR:
            self._name.room = max(_SHORTEST_NAME, width - _FIGURES)
            all_figures = room >= _SHORTEST_NAME
            return (self._name, self._amount, self._rate, self._left) if all_figures else (self._name, self._amount)
        self._name.room = min(longest, room - _NARROWEST_BAR)
        self._bar.bar_width = min(_WIDEST_BAR, room - self._name.room)
        return self._name, self._bar, self._amount, self._rate, self._left


class Drawn:
    """Bars by label while they are on the screen."""

    def __init__(self, bars: _Drawing) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def show(self, event: Progress | Step) -> None:
        """Move a bar, or say which stage the work is in; empty words take the last ones back."""
        if isinstance(event, Step):
            self._bars.words = visible(" ".join(event.text.split()))
            return
        task = self._tasks.get(event.label)
        if task is None:
            task = self._tasks[event.label] = self._added(event)
        self._bars.update(task, completed=event.done, total=event.total, visible=True)
        for other in self._bars.tasks:  # with one bar a layer, a large model would fill the screen
            if other.finished and other.id != task and other.visible:
                self._bars.update(other.id, visible=False)

    def above(self, line: str) -> None:
        """Write a line above the bars."""
        self._bars.console.print(Text(line), soft_wrap=True, highlight=False)

    def _added(self, event: Progress) -> TaskID:
        """Begin a bar where the work began, so that what was there before counts for no rate."""
        name = visible(event.label)
        return self._bars.add_task(name, total=event.total, completed=event.resumed, unit=event.unit)


@contextmanager
def bars(stream: TextIO, *, color: bool, transient: bool = False) -> Iterator[Drawn]:
    """Draw a bar for each label while the context is open; a finished one goes when another moves on.

    :param stream: a terminal
    :param transient: whether nothing stays on the screen at the end
    """
    with _Drawing(Console(file=stream, no_color=not color), transient=transient) as drawing:
        yield Drawn(drawing)


@contextmanager
def in_place(stream: TextIO, *, color: bool) -> Iterator[Callable[[RenderableType], None]]:
    """Draw something anew in one place; the last of it stays.

    :param stream: a terminal
    """
    console = Console(file=stream, no_color=not color, highlight=False)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda drawn: live.update(drawn, refresh=True)
