"""How is long work drawn on a terminal? Apart from `output`, so that rich is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bars

from ollm.messages import Progress
from ollm.text import visible


@contextmanager
def bar(stream: TextIO, *, color: bool) -> Iterator[Callable[[Progress], None]]:
    """Draw a bar for each label while the context is open.

    :param stream: a terminal
    """
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(file=stream, no_color=not color), redirect_stdout=False) as bars:

        def show(progress: Progress) -> None:
            if progress.label not in tasks:
                tasks[progress.label] = bars.add_task(visible(progress.label), total=progress.total)
            bars.update(tasks[progress.label], completed=progress.done, total=progress.total)

        yield show
