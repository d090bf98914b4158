"""What does a model get when it looks for files, or for lines in files?

The search runs in a process of its own (`searcher`), which is killed when it takes too long or the turn ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ollm.api import HostContext, OllmError, ToolContext, ToolPreview, UsageError, understood
from ollm_plugins.files import agreement
from ollm_plugins.files.places import Place, is_there, locate, named, shown
from ollm_plugins.files.searcher import Job
from ollm_plugins.files.settings import FilesSettings
from ollm_plugins.files.wishes import Glob, Grep

SECONDS: Final = 10.0
"""How long a search may take; in 20,000 files it takes 2 (`benchmarks/files.py`)."""
LONGEST: Final = 2_000
"""Characters of a pattern."""

MOST_FILES: Final = 100
MOST_LINES: Final = 100
GRACE: Final = 1.5
"""Seconds after which a search is killed that should have ended by itself: it is stuck in one expression."""

_LEFT_OUT: Final = (
    ("secret", "may hold secrets and were not searched; name one as `path` to ask the user for it"),
    ("large", "are too large and were not searched"),
    ("unreadable", "could not be read"),
    ("deep", "folders are too deep and were not entered"),
)

Found = list[dict[str, Any]]


async def to_glob(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
    """Say where files would be listed.

    :raises OllmError: they may not
    """
    wish, host = understood(arguments, Glob), ctx.turn.host
    _refuse_long(wish.pattern)
    place = locate(host, wish.path)
    return await _preview(ctx, place, f"files like {shown(wish.pattern)} in {named(host, place.path)}")


async def to_grep(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
    """Say where lines would be looked for.

    :raises OllmError: they may not
    """
    wish, host = understood(arguments, Grep), ctx.turn.host
    _refuse_long(wish.pattern, wish.glob)
    place = locate(host, wish.path)
    files = f", in files like {shown(wish.glob)}" if wish.glob else ""
    return await _preview(ctx, place, f"lines like {shown(wish.pattern)} in {named(host, place.path)}{files}")


def _refuse_long(*patterns: str) -> None:
    """:raises UsageError: a pattern is so long that nobody reads it before agreeing to it"""
    longest = max(map(len, patterns))
    if longest > LONGEST:
        raise UsageError(f"The pattern has {longest:,} characters; {LONGEST:,} are allowed", "Take a shorter one.")


async def _preview(ctx: ToolContext, place: Place, text: str) -> ToolPreview:
    host = ctx.turn.host
    if not await asyncio.to_thread(is_there, place.path):
        raise OllmError(f"There is no {named(host, place.path)}", "`glob` finds files by name.")
    agreement.remember(ctx, agreement.Shown(place.path))
    path = str(place.path)
    return ToolPreview(text, subject=path, always=path, careful=agreement.reason(host, place))


async def glob(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
    """Return the names of files, the latest changed first.

    :raises OllmError: they cannot be listed
    """
    wish, host = understood(arguments, Glob), ctx.turn.host
    if not wish.pattern.strip():
        raise UsageError("`pattern` is empty", 'Give one such as "*.py".')
    place = _agreed(ctx, wish.path)
    found, end = await _searched(_job(host, place, None, wish.pattern, MOST_FILES))
    lines = [named(host, place.root / each["path"]) + ("/" if each["folder"] else "") for each in found]
    return "\n".join((*lines, *_remarks(end, f"No files in {named(host, place.path)} are like {shown(wish.pattern)}.")))


async def grep(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
    """Return lines that fit, under the names of their files.

    :raises OllmError: they cannot be searched
    """
    wish, host = understood(arguments, Grep), ctx.turn.host
    if not wish.pattern:
        raise UsageError("`pattern` is empty", "Give a regular expression.")
    place = _agreed(ctx, wish.path)
    job = _job(host, place, wish.pattern, wish.glob, MOST_LINES, ignore_case=wish.ignore_case)
    found, end = await _searched(job)
    lines: list[str] = []
    last = ""
    for each in found:
        if each["path"] != last:
            last = each["path"]
            lines.append(named(host, place.root / last))
        lines.append(f"  {each['line']}: {each['text']}")
    return "\n".join((*lines, *_remarks(end, f"No line in {named(host, place.path)} is like {shown(wish.pattern)}.")))


def _agreed(ctx: ToolContext, given: str) -> Place:
    """Return where to look.

    :raises OllmError: it is elsewhere than when somebody agreed to it
    """
    place = locate(ctx.turn.host, given)
    agreement.verify(ctx, agreement.Shown(place.path))
    return place


def _job(
    host: HostContext, place: Place, pattern: str | None, files: str, most: int, *, ignore_case: bool = False
) -> Job:
    private, home = map(os.path.realpath, (host.paths.home, Path("~").expanduser()))
    return Job(
        str(place.root),
        place.parts,
        pattern,
        files,
        (private,),
        home,
        opened=not place.writable or bool(agreement.reason(host, place)),
        ignore_case=ignore_case,
        most=most,
        max_bytes=host.settings.section(FilesSettings).max_bytes,
        seconds=SECONDS,
    )


def _remarks(end: Mapping[str, Any], nothing: str) -> list[str]:
    """Say what was left out, and why."""
    lines = [nothing] if not end["count"] and not end["stopped"] else []
    if end["stopped"] == "most":
        lines.append(f"(only the first {MOST_LINES} lines; a narrower pattern, path or glob shows the rest)")
    if end["stopped"] == "time":
        lines.append(f"(stopped after {SECONDS:g} s, so more may fit; take a simpler pattern or a folder further down)")
    if end["listed"] and end["count"] > MOST_FILES:
        lines.append(f"({MOST_FILES} of {end['count']} files, the latest changed; a narrower pattern shows the rest)")
    if end["literal"]:
        lines.append(f"(searched as plain text, since it is no regular expression: {end['literal']})")
    return [*lines, *(f"({end[kind]} {text})" for kind, text in _LEFT_OUT if end[kind])]


async def _searched(job: Job) -> tuple[Found, dict[str, Any]]:
    """Return what a search has found, and how it ended.

    :raises OllmError: it failed
    """
    end = {"count": 0, "stopped": "time", "literal": "", "listed": job.pattern is None}
    end |= {kind: 0 for kind, _ in _LEFT_OUT}
    found: Found = []
    try:
        async with asyncio.timeout(SECONDS + GRACE), contextlib.aclosing(_lines(job)) as lines:
            async for each in lines:
                if "error" in each:
                    raise OllmError(each["error"])
                if "path" in each:
                    found.append(each)
                else:
                    end |= each
    except TimeoutError:
        end["count"] = len(found)
    return found, end


async def _lines(job: Job) -> AsyncGenerator[dict[str, Any], None]:
    """Run the search and yield what it says; whatever ends this ends the search.

    :raises OllmError: it could not be run
    """
    if not sys.executable:
        raise OllmError("Files cannot be searched: Python does not say where it is installed")
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-P", "-W", "ignore", "-m", "ollm_plugins.files.searcher")
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    )
    assert process.stdin
    assert process.stdout
    assert process.stderr
    try:
        process.stdin.write(json.dumps(msgspec.to_builtins(job)).encode("ascii"))  # names need not be Unicode
        process.stdin.write_eof()
        async for line in process.stdout:
            yield json.loads(line)
        said = (await process.stderr.read()).decode("utf-8", "replace").strip()
        if await process.wait() > 0:
            raise OllmError(f"The search failed: {said.splitlines()[-1] if said else process.returncode}")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
