"""How are files looked through, in a process that can be killed?

`python -m ollm_plugins.files.searcher` reads one job from stdin and writes what it finds as lines of JSON. A regular
expression can take for ever, and nothing in its own process can stop it: this process ends itself by an alarm, and its
parent kills it earlier.
"""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import re
import signal
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from ollm_plugins.files.careful import secret
from ollm_plugins.files.ignoring import ignored, read_regular, rules_of
from ollm_plugins.files.patterns import Match, lists_folders, matcher

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from ollm_plugins.files.opening import Folder

WIDTH: Final = 300
"""Characters of a line that are told."""
DEEPEST: Final = 100
"""Folders in each other that are looked into; each is held open meanwhile."""


class Job(Struct, frozen=True):
    """What is looked for.

    :param root: a real path
    :param start: the way from there to where the search begins
    :param pattern: a regular expression for lines; None lists files
    :param files: a glob pattern for files
    :param private: folders that are private as a whole, and the user's home; real paths
    :param opened: whether somebody has agreed to look into places of secrets
    :param most: how much is told
    :param seconds: how long it may take
    """

    root: str
    start: tuple[str, ...]
    pattern: str | None
    files: str
    private: tuple[str, ...]
    home: str
    opened: bool
    ignore_case: bool
    most: int
    max_bytes: int
    seconds: float


class Search:
    """One search."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.left_out = {"secret": 0, "large": 0, "deep": 0, "unreadable": 0}
        self.stopped = ""
        self._until = time.monotonic() + job.seconds
        self._begin = len(job.start)
        self._root, self._home, self._private = Path(job.root), Path(job.home), tuple(map(Path, job.private))
        self._meant: Match = matcher(job.files) if job.files else lambda _: True
        self._folders = job.pattern is None and lists_folders(job.files)

    def found(self) -> Iterator[tuple[Folder, tuple[str, ...], os.stat_result]]:
        """Yield each file that is meant: its folder, held open, the way to it from the root, and what it is."""
        from ollm_plugins.files.opening import entered

        root, start = self._root, self.job.start
        with entered(root, start[:-1]) as above:
            state = above.state(start[-1]) if start else None
            if state is not None and stat.S_ISREG(state.st_mode):
                yield above, start, state
                return
        rules = self._rules_above(root, start)
        with entered(root, start) as folder:
            yield from self._walk(folder, start, rules)

    def _rules_above(self, root: Path, start: tuple[str, ...]) -> list[tuple[int, GitIgnoreSpec]]:
        """Return the rules that hold where the search begins; none, if it begins in what they leave out."""
        from ollm_plugins.files.opening import entered

        rules: list[tuple[int, GitIgnoreSpec]] = []
        for depth in range(len(start)):
            with entered(root, start[:depth]) as folder:
                rules += rules_of(folder, depth)
        left_out = any(ignored(rules, start[: depth + 1], is_folder=True) for depth in range(len(start)))
        return [] if left_out else rules

    def _walk(
        self, folder: Folder, parts: tuple[str, ...], rules: list[tuple[int, GitIgnoreSpec]]
    ) -> Iterator[tuple[Folder, tuple[str, ...], os.stat_result]]:
        rules = [*rules, *rules_of(folder, len(parts))]
        for name in sorted(folder.names()):
            if time.monotonic() > self._until:
                self.stopped = "time"
                return
            state, way = folder.state(name), (*parts, name)
            is_folder = state is not None and stat.S_ISDIR(state.st_mode)
            if state is None or name == ".git" or ignored(rules, way, is_folder=is_folder):
                continue
            if self._is_meant(way, state):
                yield folder, way, state
            if is_folder and self._enters(way):
                try:
                    with _below(folder, name) as below:
                        yield from self._walk(below, way, rules)
                except OSError:
                    self.left_out["unreadable"] += 1

    def _is_meant(self, way: tuple[str, ...], state: os.stat_result) -> bool:
        wanted = stat.S_ISREG(state.st_mode) or (self._folders and stat.S_ISDIR(state.st_mode))
        return wanted and self._meant(way[self._begin :])

    def _enters(self, way: tuple[str, ...]) -> bool:
        if len(way) - self._begin >= DEEPEST:
            self.left_out["deep"] += 1
            return False
        if self.job.pattern is not None and self.is_secret(way):
            self.left_out["secret"] += 1
            return False
        return True

    def is_secret(self, way: tuple[str, ...]) -> bool:
        """Say whether a file is in a usual place of secrets, and nobody has agreed to look there."""
        if self.job.opened:
            return False
        return bool(secret(self._root.joinpath(*way), self._private, self._home, self._root))

    def listed(self) -> Iterator[dict[str, Any]]:
        """Yield the files that were changed latest, and how many there are."""
        count = 0

        def each() -> Iterator[tuple[float, str, bool]]:
            nonlocal count
            for _, way, state in self.found():
                count += 1
                yield state.st_mtime, "/".join(way), stat.S_ISDIR(state.st_mode)

        for _, path, is_folder in heapq.nlargest(self.job.most, each()):
            yield {"path": path, "folder": is_folder}
        yield self._end(count)

    def lines(self, expression: re.Pattern[str]) -> Iterator[dict[str, Any]]:
        """Yield the lines that fit, file by file."""
        count = 0
        for folder, way, state in self.found():
            for number, text in self._lines_of(folder, way, state, expression):
                if count == self.job.most:
                    self.stopped = "most"
                    yield self._end(count)
                    return
                count += 1
                yield {"path": "/".join(way), "line": number, "text": text}
        yield self._end(count)

    def _lines_of(
        self, folder: Folder, way: tuple[str, ...], state: os.stat_result, expression: re.Pattern[str]
    ) -> Iterator[tuple[int, str]]:
        if self.is_secret(way):
            self.left_out["secret"] += 1
            return
        if state.st_size > self.job.max_bytes:
            self.left_out["large"] += 1
            return
        try:
            data = read_regular(folder, way[-1], self.job.max_bytes)
        except OSError:
            self.left_out["unreadable"] += 1
            return
        for number, line in enumerate(_text(data).split("\n"), 1):
            match = expression.search(line)
            if match:
                yield number, _around(line.rstrip("\r"), match.start())

    def _end(self, count: int) -> dict[str, Any]:
        return {"end": True, "count": count, "stopped": self.stopped, **self.left_out}


@contextlib.contextmanager
def _below(folder: Folder, name: str) -> Iterator[Folder]:
    """Open a folder in another; never through a link.

    :raises OSError: it cannot be opened
    """
    from ollm_plugins.files.opening import Folder, open_folder

    fd = open_folder(folder, name)
    try:
        yield Folder(folder.path / name, fd)
    finally:
        if fd is not None:
            os.close(fd)


def _text(data: bytes) -> str:
    """Return the text of a file; nothing of a binary one."""
    from ollm_plugins.files.contents import LOOKED_AT, encoding_of

    encoding = encoding_of(data)
    if encoding == "utf-8" and b"\0" in data[:LOOKED_AT]:
        return ""
    return data.decode(encoding, "replace").removeprefix("\ufeff")


def _around(line: str, at: int) -> str:
    """Return a line, or of a long one what is around a place."""
    if len(line) <= WIDTH:
        return line
    start = max(0, min(at - WIDTH // 3, len(line) - WIDTH))
    end = start + WIDTH
    return ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")


def main() -> None:
    """Do one job and write what is found."""
    job = msgspec.convert(json.loads(sys.stdin.buffer.read()), Job)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, job.seconds + 1)
    for each in _results(job):
        sys.stdout.write(json.dumps(each) + "\n")
        sys.stdout.flush()


def _results(job: Job) -> Iterator[dict[str, Any]]:
    from ollm.api import OllmError

    try:
        search = Search(job)
    except (ValueError, re.error) as error:
        yield {"error": f"The glob pattern does not fit: {error}"}
        return
    try:
        yield from search.listed() if job.pattern is None else _matching(search, job.pattern)
    except (OllmError, OSError) as error:
        yield {"error": str(error)}


def _matching(search: Search, pattern: str) -> Iterator[dict[str, Any]]:
    flags = re.IGNORECASE if search.job.ignore_case else 0
    try:
        expression = re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        yield {"literal": str(error)}
        expression = re.compile(re.escape(pattern), flags)
    yield from search.lines(expression)


if __name__ == "__main__":
    main()
