"""What do the commands show that change nothing?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from ollm.api import CommandContext, Completes, Json, MemoryEntry, OllmError, nearest, visible
from ollm_plugins.memory.entries import category_named, scope_named
from ollm_plugins.memory.service import Memories, memories
from ollm_plugins.memory.settings import MemorySettings

Key = Annotated[str, typer.Argument(help="The name under which it is remembered.", metavar="KEY"), Completes("memory")]
Category = Annotated[str | None, typer.Option("--category", "-c", help="fact, preference or context.")]
Scope = Annotated[str | None, typer.Option("--scope", "-s", help="global, project or session.")]
Everywhere = Annotated[bool, typer.Option("--everywhere", help="Those of all projects, too.")]


def list_all(
    ctx: CommandContext,
    *,
    category: Category = None,
    scope: Scope = None,
    everywhere: Everywhere = False,
    as_json: Json = False,
) -> None:
    """List what is remembered: everywhere, in the project that you are in, and in this session."""
    service = memories(ctx.app.context)
    kind = category_named(category) if category else None
    wanted = scope_named(scope) if scope else None
    given = service.everything() if everywhere else service.here()
    show(
        ctx, [each for each in given if kind in (None, each.category) and wanted in (None, each.scope)], as_json=as_json
    )


def search(
    ctx: CommandContext,
    query: Annotated[list[str], typer.Argument(help="Words; slips of spelling are tolerated.", metavar="QUERY…")],
    *,
    as_json: Json = False,
) -> None:
    """List the memories that fit, the best first."""
    show(ctx, memories(ctx.app.context).search(" ".join(query)), as_json=as_json)


def recall(ctx: CommandContext, key: Key, *, as_json: Json = False) -> None:
    """Print what is remembered under a key, and count that it was used."""
    service = memories(ctx.app.context)
    found = service.recall(key)
    if found is None:
        raise unknown(service, key)
    if as_json:
        ctx.out.document(found)
    else:
        ctx.out.print(found.value)


def unknown(service: Memories, key: str) -> OllmError:
    """Return what to say of a key under which nothing is remembered here."""
    near = nearest(key, [each.key for each in service.here()])
    return OllmError(f"Nothing is remembered here under '{visible(key)}'{near}", "`ollm memory list` lists what is.")


def show(ctx: CommandContext, entries: Sequence[MemoryEntry], *, as_json: bool) -> None:
    """Print entries as a table or as a document."""
    if as_json:
        ctx.out.document(entries)
    elif entries:
        ctx.out.table(
            ("key", "value", "category", "scope", "by", "used", "changed"), map(_row, entries), ("changed", "used")
        )
    else:
        ctx.out.print("Nothing is remembered here that fits")
    if not ctx.app.settings.section(MemorySettings).enabled:
        ctx.out.say("ollm: Prompts get nothing of it: memory.enabled is false.")


def _row(entry: MemoryEntry) -> tuple[object, ...]:
    where = f"project {entry.project}" if entry.project else entry.scope
    used = entry.access_count or ""
    return entry.key, entry.value, entry.category, where, entry.source, used, entry.updated_at[:10]
