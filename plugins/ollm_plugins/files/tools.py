"""What happens when a model writes or edits a file?

The change is worked out from the file as it is, shown, and worked out anew when it is made: then under a lock, held
against what was shown, and with the way back kept first.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from msgspec import Struct

from ollm.api import HostContext, OllmError, ToolContext, ToolPreview, revealed, understood
from ollm_plugins.files import agreement
from ollm_plugins.files.agreement import content_of, digest
from ollm_plugins.files.contents import Text, decoded, with_newline
from ollm_plugins.files.diffs import changed_lines, hides, unified
from ollm_plugins.files.editing import edited
from ollm_plugins.files.journal import Entry, journal
from ollm_plugins.files.opening import Snapshot, snapshot
from ollm_plugins.files.places import Place, locate, named
from ollm_plugins.files.settings import FilesSettings
from ollm_plugins.files.wishes import Edit, Write
from ollm_plugins.files.writing import replace_file


def digest_of_lines(diff: str) -> str:
    """Return what tells apart which lines a diff adds and removes, wherever they stand."""
    return digest("\n".join(changed_lines(diff)).encode("utf-8", "surrogatepass"))


class Plan(Struct, frozen=True):
    """A change that could be made.

    :param seen: the file as it is; None if there is none
    :param data: what it is to hold
    :param diff: what changes; empty if nothing does
    """

    place: Place
    name: str
    seen: Snapshot | None
    data: bytes
    diff: str

    @property
    def as_shown(self) -> agreement.Shown:
        """What somebody sees of it."""
        return agreement.Shown(self.place.path, digest(content_of(self.seen)), digest_of_lines(self.diff))


async def to_write(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
    """Show what writing a file would change.

    :raises OllmError: it cannot be written
    """
    return await _preview(ctx, partial(_written, ctx.turn.host, understood(arguments, Write)), "content")


async def write(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
    """Write a file.

    :raises OllmError: it was not written
    """
    return await _run(ctx, partial(_written, ctx.turn.host, understood(arguments, Write)))


async def to_edit(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
    """Show what an edit would change.

    :raises OllmError: it cannot be made
    """
    return await _preview(ctx, partial(_edited, ctx, understood(arguments, Edit)), "new")


async def edit(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
    """Edit a file.

    :raises OllmError: it was not changed
    """
    return await _run(ctx, partial(_edited, ctx, understood(arguments, Edit)))


def _written(host: HostContext, wish: Write) -> Plan:
    """Work out what writing a file changes. Line ends, encoding and byte order mark of the old one are kept."""
    place = _writable(host, wish.path)
    seen = _seen(host, place)
    before = decoded(seen.data, place.path) if seen is not None else None
    kept = before is not None and "\r\n" not in wish.content and before.text
    content = with_newline(wish.content, before.newline) if before is not None and kept else wish.content
    return _plan(host, place, seen, before, content)


def _edited(ctx: ToolContext, wish: Edit) -> Plan:
    """Work out what an edit changes.

    :raises OllmError: there is no such file, the model has not read it as it is, or the part to replace is not in it once
    """
    host = ctx.turn.host
    place = _writable(host, wish.path)
    seen = _seen(host, place)
    name = named(host, place.path)
    if seen is None:
        raise OllmError(f"There is no {name}", "`glob` finds files by name; `write_file` makes a new one.")
    if not agreement.knows(ctx, place.path, seen.data):
        problem = f"You have not read {name} in this conversation, or it has changed since, so nothing was changed"
        raise OllmError(problem, "Read it with `read_file`, then repeat the edit.")
    before = decoded(seen.data, place.path)
    return _plan(host, place, seen, before, edited(before, wish, name, _most(host)))


def _writable(host: HostContext, given: str) -> Place:
    place = locate(host, given)
    if not place.writable:
        raise OllmError(f"{named(host, place.path)} is a kept result, which can be read but not changed")
    try:
        str(place.path).encode()
    except UnicodeEncodeError as error:
        raise OllmError(f"{named(host, place.path)} has a name that is no text, so it is left alone") from error
    return place


def _seen(host: HostContext, place: Place) -> Snapshot | None:
    return snapshot(place, _most(host))


def _most(host: HostContext) -> int:
    return host.settings.section(FilesSettings).max_bytes


def _plan(host: HostContext, place: Place, seen: Snapshot | None, before: Text | None, content: str) -> Plan:
    """:raises OllmError: it is too large, or holds what cannot be written"""
    name = named(host, place.path)
    data = (before or Text("")).with_text(content, place.path)
    most = _most(host)
    if len(data) > most:
        raise OllmError(f"{name} would have {len(data):,} bytes; {most:,} are allowed", "Write less.")
    return Plan(place, name, seen, data, unified(before.text if before else None, content, name))


async def _preview(ctx: ToolContext, planned: Callable[[], Plan], edits: str) -> ToolPreview:
    plan = await asyncio.to_thread(planned)
    agreement.remember(ctx, plan.as_shown)
    unseen = "it adds characters that cannot be seen" if hides(plan.diff) else ""
    return ToolPreview(
        revealed(plan.diff) or f"Nothing would change in {plan.name}.",
        "diff" if plan.diff else "text",
        subject=str(plan.place.path),
        always=str(plan.place.path.parent),
        careful=agreement.reason(ctx.turn.host, plan.place, change=True) or unseen,
        edits=edits,
    )


async def _run(ctx: ToolContext, planned: Callable[[], Plan]) -> str:
    """Make a change in a thread; one that was cancelled before it began to write is not made."""
    cancelled = threading.Event()
    try:
        return await asyncio.to_thread(_made, ctx, planned, cancelled)
    except asyncio.CancelledError:
        cancelled.set()
        raise


def _made(ctx: ToolContext, planned: Callable[[], Plan], cancelled: threading.Event) -> str:
    """Make a change under the lock and say what was done.

    :raises OllmError: it was not made
    """
    kept = journal(ctx.turn.host)
    with kept.locked():
        plan = planned()
        agreement.verify(ctx, plan.as_shown)
        if not plan.diff:
            return f"{plan.name} is already like that; nothing was changed."
        if cancelled.is_set():
            return f"{plan.name} was not changed: the turn has ended."
        entry = kept.add(_entry(ctx, plan), content_of(plan.seen))
        try:
            made = replace_file(plan.place, plan.data, plan.seen)
        except BaseException:
            kept.drop(entry)
            raise
        agreement.made(plan.place.path, content_of(plan.seen), plan.data)
        agreement.told(ctx, plan.place.path, plan.data)
        if made:
            kept.change(_with_folders(entry, tuple(map(str, made))))
    verb = "Made" if plan.seen is None else "Changed"
    return f"{verb} {plan.name} (+{entry.added} -{entry.removed} lines)."


def _with_folders(entry: Entry, made: tuple[str, ...]) -> Entry:
    from msgspec.structs import replace

    return replace(entry, made=made)


def _entry(ctx: ToolContext, plan: Plan) -> Entry:
    lines = changed_lines(plan.diff)
    return Entry(
        0,
        "",
        str(plan.place.root),
        plan.place.parts,
        ctx.call.name,
        ctx.turn.id,
        ctx.turn.conversation,
        digest(content_of(plan.seen)),
        digest(plan.data),
        mode=plan.seen.state.st_mode & 0o777 if plan.seen is not None else 0,
        added=sum(each.startswith("+") for each in lines),
        removed=sum(each.startswith("-") for each in lines),
    )
