"""How is long work drawn on a terminal? Apart from `output`, so that rich is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, RenderableType
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

from ollm.messages import Progress
from ollm.text import visible


class _ByUnit(ProgressColumn):
    """Shows bytes in one way and everything else in another."""

    def __init__(self, of_bytes: ProgressColumn, of_others: ProgressColumn) -> None:
        self._of_bytes, self._of_others = of_bytes, of_others
        super().__init__()

    def render(self, task: Task) -> RenderableType:
        return (self._of_bytes if task.fields["unit"] == "bytes" else self._of_others).render(task)


@contextmanager
def bar(stream: TextIO, *, color: bool) -> Iterator[Callable[[Progress], None]]:
    """Draw a bar for each label while the context is open.

    :param stream: a terminal
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        _ByUnit(DownloadColumn(), MofNCompleteColumn()),
        _ByUnit(TransferSpeedColumn(), TextColumn("")),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(file=stream, no_color=not color), redirect_stdout=False) as bars:

        def show(progress: Progress) -> None:
            if progress.label not in tasks:
                name = visible(progress.label)
                tasks[progress.label] = bars.add_task(name, total=progress.total, unit=progress.unit)
            bars.update(tasks[progress.label], completed=progress.done, total=progress.total)

        yield show
