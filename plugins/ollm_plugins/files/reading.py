"""What does a model get when it reads a file?"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from ollm.api import OllmError, ToolContext, ToolPreview, UsageError, understood
from ollm_plugins.files import agreement
from ollm_plugins.files.contents import decoded, with_newline
from ollm_plugins.files.opening import snapshot
from ollm_plugins.files.places import is_there, locate, named
from ollm_plugins.files.settings import FilesSettings
from ollm_plugins.files.wishes import Read

WIDTH: Final = 2_000
"""Characters of a line that are returned; longer ones are in files that were made by programs."""


async def preview(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
    """Say which file would be read.

    :raises OllmError: it may not
    """
    wish, host = understood(arguments, Read), ctx.turn.host
    place = locate(host, wish.path)
    path = place.path
    if not await asyncio.to_thread(is_there, path):
        raise _missing(named(host, path))
    agreement.remember(ctx, agreement.Shown(path))
    text = f"{named(host, path)}, up to {wish.limit} lines from line {wish.offset} on"
    return ToolPreview(text, subject=str(path), always=str(path.parent), careful=agreement.reason(host, place))


async def run(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
    """Return numbered lines of a file, and what is left of it.

    :raises OllmError: it cannot be read
    """
    return await asyncio.to_thread(_read, ctx, understood(arguments, Read))


def _missing(name: str) -> OllmError:
    return OllmError(f"There is no {name}", "`glob` finds files by name.")


def _read(ctx: ToolContext, wish: Read) -> str:
    host = ctx.turn.host
    if wish.offset < 1 or wish.limit < 1:
        raise UsageError("`offset` and `limit` count from 1")
    place = locate(host, wish.path)
    agreement.verify(ctx, agreement.Shown(place.path))
    name = named(host, place.path)
    seen = snapshot(place, host.settings.section(FilesSettings).max_bytes)
    if seen is None:
        raise _missing(name)
    lines = with_newline(decoded(seen.data, place.path).text, "\n").split("\n")
    if not lines[-1]:
        lines.pop()
    if not lines:
        agreement.told(ctx, place.path, seen.data)
        return f"{name} is empty."
    if wish.offset > len(lines):
        raise UsageError(f"{name} has {len(lines)} lines; there is no line {wish.offset}")
    last = min(len(lines), wish.offset + wish.limit - 1)
    agreement.told(ctx, place.path, seen.data)
    numbered = [f"{number}\t{_cut(lines[number - 1])}" for number in range(wish.offset, last + 1)]
    return "\n".join((*numbered, *_rest(wish.offset, last, len(lines))))


def _rest(first: int, last: int, total: int) -> list[str]:
    """Say what is left, if anything is."""
    if last == total:
        return [f"(lines {first}-{last} of {total}; that is the end)"] if first > 1 else []
    return [f"(lines {first}-{last} of {total}; offset {last + 1} goes on)"]


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}… ({len(line) - WIDTH} more characters)"
