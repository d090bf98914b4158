"""How do memories get out of here, and in from elsewhere?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ollm.api import (
    CommandContext,
    Completes,
    Json,
    MemoryEntry,
    OllmError,
    UsageError,
    replace,
    to_document,
    visible,
    write_atomically,
)
from ollm_plugins.memory.commands import Everywhere, Scope
from ollm_plugins.memory.entries import clean_key, clean_value, scope_named
from ollm_plugins.memory.original import entries_of
from ollm_plugins.memory.service import memories
from ollm_plugins.memory.store import VERSION

LARGEST = 50_000_000
"""Bytes of a file that is taken in: several times what a hundred thousand memories need."""


def export(
    ctx: CommandContext,
    file: Annotated[
        Path | None, typer.Argument(help="Where to; without one it is printed.", metavar="[FILE]"), Completes("path")
    ] = None,
    *,
    everywhere: Everywhere = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write what is remembered here to a file, or print it, as a document that `memory import` takes."""
    service = memories(ctx.app.context)
    given = service.everything() if everywhere else service.here()
    entries = [each for each in given if each.scope != "session"]
    document = {"version": VERSION, "memories": to_document(entries)}
    if file is None:
        ctx.out.document(document)
        return
    if file.exists() and not force:
        raise UsageError(f"{visible(str(file))} is there already", "Add --force to replace it.")
    write_atomically(file.absolute(), msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    if as_json:
        ctx.out.document({"file": file.absolute(), "memories": len(entries)})
    else:
        written = "1 memory is" if len(entries) == 1 else f"{len(entries)} memories are"
        ctx.out.print(f"{written} written to {file}")


def take_in(
    ctx: CommandContext,
    file: Annotated[
        Path,
        typer.Argument(help="As `memory export` or the original program writes it.", metavar="FILE"),
        Completes("path"),
    ],
    *,
    scope: Scope = None,
    replace_: Annotated[
        bool, typer.Option("--replace", help="Instead of what is remembered under the same key.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take memories in; what is remembered already under a key stays, unless you say --replace."""
    service = memories(ctx.app.context)
    wanted = scope_named(scope) if scope else None
    entries = [_placed(each, wanted, service.project) for each in _read(file)]
    count = service.take_in(entries, replacing=replace_)
    if as_json:
        ctx.out.document({"file": file.absolute(), "taken": count, "stayed": len(entries) - count})
    else:
        stayed = f"; {len(entries) - count} are remembered already" if count < len(entries) else ""
        ctx.out.print(f"{count} of {len(entries)} memories are taken in{stayed}")


def _read(file: Path) -> list[MemoryEntry]:
    """Read a file of memories.

    :raises OllmError: it cannot be read, or holds something else
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)  # a pipe or a device does not say how much it has
        if len(data) > LARGEST:
            raise OllmError(f"{visible(str(file))} has more than {LARGEST // 1_000_000} MB", "Take a smaller one.")
        document = msgspec.json.decode(data)
    except OSError as error:
        raise OllmError(f"{visible(str(file))} could not be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OllmError(f"{visible(str(file))} is no JSON: {error}") from error
    try:
        return _entries(document)
    except (ValueError, msgspec.ValidationError) as error:
        problem = f"{visible(str(file))} holds no memories: {visible(str(error))}"
        raise OllmError(problem, "Nothing was taken in.") from error


def _entries(document: object) -> list[MemoryEntry]:
    """Return the entries of a document of ours or of the original program's.

    :raises ValueError: it is neither
    """
    if isinstance(document, dict) and document.get("version") == VERSION:
        return msgspec.convert(document.get("memories"), list[MemoryEntry])
    return entries_of(document)


def _placed(entry: MemoryEntry, scope: str | None, project: str) -> MemoryEntry:
    """Return an entry in the scope that is wanted, or in its own.

    :raises UsageError: its key or its value cannot be
    """
    where = scope or scope_named(entry.scope)
    if where == "session":
        raise UsageError("A session's memories are not taken in from files", "Take global or project.")
    place = "" if where != "project" else project if scope else entry.project or project
    return replace(entry, key=clean_key(entry.key), value=clean_value(entry.value), scope=where, project=place)
