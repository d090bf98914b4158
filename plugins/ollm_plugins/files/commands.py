"""What do the commands `files …` show and do?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, HostContext, Json, OllmError, Question, UsageError, drawn, local_time, revealed
from ollm_plugins.files.agreement import content_of, digest
from ollm_plugins.files.contents import decoded
from ollm_plugins.files.diffs import unified
from ollm_plugins.files.journal import Entry, Journal, journal
from ollm_plugins.files.places import named, roots
from ollm_plugins.files.undoing import Step, present, take_back

Number = Annotated[int | None, typer.Argument(help="Number of a change; the latest if not given.", metavar="N")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="Those in other workspaces, too.")]


def changes(ctx: CommandContext, *, everywhere: Everywhere = False, as_json: Json = False) -> None:
    """List what tools have changed in this workspace and can be taken back, the latest first."""
    host = ctx.app.context
    entries = [each for each in reversed(journal(host).entries()) if everywhere or _is_here(host, each)]
    if as_json:
        ctx.out.document([_document(each) for each in entries])
    elif entries:
        ctx.out.table(("n", "when", "tool", "file", "lines", ""), [_row(host, each) for each in entries], ("when",))
    else:
        ctx.out.print("No tool has changed a file here" if not everywhere else "No tool has changed a file")


def diff(ctx: CommandContext, number: Number = None, *, as_json: Json = False) -> None:
    """Show what a change did to its file; what it has become since, if that is no longer known."""
    host = ctx.app.context
    kept = journal(host)
    entry = _numbered(kept, number) if number is not None else _latest(host, kept)
    after, known = _after(kept, entry)
    if not known:
        ctx.out.say(f"ollm: {named(host, entry.path)} was changed since; this shows all that differs by now.")
    name = named(host, entry.path)
    before, now = (_text(each, entry.path) for each in (kept.former(entry), after))
    text = unified(before, now, name)
    if as_json:
        ctx.out.document({**_document(entry), "diff": text, "changedSince": not known})
    else:
        ctx.out.stdout.write(drawn(Question("", (), revealed(text), "diff"), color=ctx.out.color) + "\n")


def undo(
    ctx: CommandContext,
    number: Number = None,
    *,
    turn: Annotated[bool, typer.Option("--turn", help="All that was changed in the same turn.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also if the file was changed since.")] = False,
    as_json: Json = False,
) -> None:
    """Take a change of a tool back: the file gets what it held before; one that was new is removed."""
    host = ctx.app.context
    kept = journal(host)
    entry = _numbered(kept, number) if number is not None else _latest(host, kept)
    wanted = [entry]
    if turn and entry.turn:
        wanted = [each for each in kept.entries() if each.turn == entry.turn and not each.undone] or wanted
    steps = take_back(kept, wanted, force=force)
    if as_json:
        ctx.out.document([_done(step) for step in steps])
        return
    for step in steps:
        ctx.out.print(_told(host, step))


def _is_here(host: HostContext, entry: Entry) -> bool:
    return any(entry.path.is_relative_to(root) for root, writable in roots(host) if writable)


def _numbered(kept: Journal, number: int) -> Entry:
    """:raises UsageError: there is no such change"""
    found = next((each for each in kept.entries() if each.id == number), None)
    if found is None:
        raise UsageError(f"There is no change {number}", "`ollm files changes --everywhere` lists those that are kept.")
    return found


def _latest(host: HostContext, kept: Journal) -> Entry:
    """Return the latest change here that was not taken back.

    :raises OllmError: there is none
    """
    here = [each for each in kept.entries() if _is_here(host, each) and not each.undone and not each.undoes]
    if not here:
        raise OllmError("No tool has changed a file here that was not taken back")
    return here[-1]


def _after(kept: Journal, entry: Entry) -> tuple[bytes | None, bool]:
    """Return what a file held after a change, or else holds now; and whether it is the former."""
    now = content_of(present(entry))
    if digest(now) == entry.after:
        return now, True
    later = [each for each in kept.entries() if each.path == entry.path and each.id > entry.id]
    found = next((each for each in later if each.before == entry.after), None)
    return (kept.former(found), True) if found is not None else (now, False)


def _text(data: bytes | None, path: Path) -> str | None:
    return None if data is None else decoded(data, path).text


def _document(entry: Entry) -> dict[str, Any]:
    return {
        "number": entry.id,
        "at": entry.at,
        "tool": entry.tool,
        "path": str(entry.path),
        "added": entry.added,
        "removed": entry.removed,
        "turn": entry.turn,
        "conversation": entry.conversation,
        "undone": entry.undone,
        "undoes": entry.undoes or None,
        "created": not entry.before,
    }


def _row(host: HostContext, entry: Entry) -> Sequence[object]:
    state = "taken back" if entry.undone else f"took {entry.undoes} back" if entry.undoes else ""
    lines = f"+{entry.added} -{entry.removed}"
    return entry.id, local_time(entry.at), entry.tool, named(host, entry.path), lines, state


def _done(step: Step) -> dict[str, Any]:
    numbers = [each.id for each in step.entries]
    removed = step.former is None and not step.already
    return {"path": str(step.place.path), "changes": numbers, "removed": removed, "already": step.already}


def _told(host: HostContext, step: Step) -> str:
    numbers = ", ".join(str(each.id) for each in step.entries)
    what = "is removed, as it was new" if step.former is None else "is as it was"
    what = "is already as it was" if step.already else what
    plural = "s" if len(step.entries) > 1 else ""
    return f"{named(host, step.place.path)} {what} before change{plural} {numbers}"
