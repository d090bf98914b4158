"""What do the commands do that change what is remembered?"""

from __future__ import annotations

from typing import Annotated

import typer

from ollm.api import CommandContext, Json, MemoryEntry, UsageError, Yes
from ollm_plugins.memory.changes import Change
from ollm_plugins.memory.commands import Category, Everywhere, Key, Scope, unknown
from ollm_plugins.memory.entries import category_named, scope_named
from ollm_plugins.memory.secrets import secret_in
from ollm_plugins.memory.service import memories

Insist = Annotated[bool, typer.Option("--insist", help="Even if it looks like a secret.")]


def add(
    ctx: CommandContext,
    key: Key,
    value: Annotated[list[str], typer.Argument(help="What to remember.", metavar="VALUE…")],
    *,
    category: Category = None,
    scope: Annotated[str, typer.Option("--scope", "-s", help="global, project or session.")] = "global",
    insist: Insist = False,
    as_json: Json = False,
) -> None:
    """Remember something under a key; what was there in that scope is replaced."""
    kind = category_named(category) if category else None
    text = " ".join(value)
    _check(ctx, key, text, scope, insist=insist)
    made = memories(ctx.app.context).remember(key, text, category=kind, scope=scope)
    _tell(ctx, made, "remembered", as_json=as_json)


def edit(
    ctx: CommandContext,
    key: Key,
    value: Annotated[list[str] | None, typer.Argument(help="What to remember instead.", metavar="[VALUE…]")] = None,
    *,
    category: Category = None,
    scope: Scope = None,
    insist: Insist = False,
    as_json: Json = False,
) -> None:
    """Change the value or the category of what is remembered under a key."""
    kind = category_named(category) if category else None
    if not value and kind is None:
        raise UsageError("Give a new value or a new --category", 'For example: `ollm memory edit editor "uses vim"`.')
    service = memories(ctx.app.context)
    found = service.find(key, scope_named(scope) if scope else None)
    if found is None:
        raise unknown(service, key)
    text = " ".join(value) if value else found.value
    _check(ctx, found.key, text, found.scope, insist=insist or not value)
    made = service.remember(found.key, text, category=kind, scope=found.scope)
    _tell(ctx, made, "changed", as_json=as_json)


def forget(ctx: CommandContext, key: Key, *, scope: Scope = None, as_json: Json = False) -> None:
    """Remove what is remembered under a key; `memory undo` brings it back."""
    service = memories(ctx.app.context)
    gone = service.forget(key, scope=scope_named(scope) if scope else None)
    if gone is None:
        raise unknown(service, key)
    _tell(ctx, gone, "forgotten", as_json=as_json)


def clear(
    ctx: CommandContext,
    *,
    scope: Scope = None,
    everywhere: Everywhere = False,
    for_good: Annotated[bool, typer.Option("--for-good", help="So that `memory undo` brings nothing back.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove all that is remembered here, after a question; `memory undo` brings it back."""
    service = memories(ctx.app.context)
    wanted = scope_named(scope) if scope else None
    project = service.project

    def fits(entry: MemoryEntry) -> bool:
        return wanted in (None, entry.scope) and (everywhere or entry.project in ("", project))

    count = sum(map(fits, service.everything()))
    if not yes and not _agreed(ctx, count, for_good=for_good):
        ctx.out.say("ollm: Nothing has changed.")
        count = 0
    else:
        count = service.clear(fits, for_good=for_good)
    if as_json:
        ctx.out.document({"removed": count, "forGood": for_good})
    else:
        back = "" if for_good or not count else "; `memory undo` brings them back"
        ctx.out.print(f"{_many(count)} forgotten{back}")


def undo(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Take back the last change that concerns what is remembered here, whoever made it."""
    service = memories(ctx.app.context)
    change = service.undo()
    if as_json:
        ctx.out.document({"change": _described(change, service.project) if change else None})
    elif change is None:
        ctx.out.print("There is no change that could be taken back")
    else:
        ctx.out.print(_told(change, service.project))


def _check(ctx: CommandContext, key: str, value: str, scope: str, *, insist: bool) -> None:
    """:raises UsageError: it looks like a secret, or would be forgotten at once"""
    if scope == "session" and ctx.surface == "shell":
        problem = "A session ends with its program, so that nothing would be remembered"
        raise UsageError(problem, "Use it in the REPL: `/memory add … --scope session`.")
    kind = "" if insist else secret_in(key, value)
    if kind:
        problem = f"That looks like {kind}, and what is remembered goes into prompts and stands readable in a file"
        raise UsageError(problem, "If you want it all the same, add --insist.")


def _agreed(ctx: CommandContext, count: int, *, for_good: bool) -> bool:
    """Ask.

    :raises UsageError: nobody can be asked
    """
    if count == 0:
        return True
    if not ctx.out.can_ask:
        raise UsageError(f"Nobody can be asked whether to forget {_many(count)}", "Add --yes.")
    try:
        return ctx.out.confirm(f"Forget {_many(count)}{' for good' if for_good else ''}?")
    except EOFError:
        return False


def _tell(ctx: CommandContext, entry: MemoryEntry, done: str, *, as_json: bool) -> None:
    if as_json:
        ctx.out.document(entry)
    else:
        where = f"in project {entry.project}" if entry.project else entry.scope
        ctx.out.print(f"{entry.key} is {done} ({entry.category}, {where}): {entry.value}")


def _many(count: int) -> str:
    return "1 memory" if count == 1 else f"{count} memories"


def _seen(change: Change, project: str) -> tuple[list[str], list[str]]:
    """Return the keys that came back and those that went, without those of other projects."""
    back = [each.key for each in change.before if each.project in ("", project)]
    return back, [key for _, where, key in change.added if where in ("", project)]


def _described(change: Change, project: str) -> dict[str, object]:
    back, gone = _seen(change, project)
    return {"kind": change.kind, "source": change.source, "at": change.at, "restored": back, "removed": gone}


def _told(change: Change, project: str) -> str:
    back, gone = _seen(change, project)
    parts = [f"restored: {_listed(back)}"] if back else []
    parts += [f"removed: {_listed(gone)}"] if gone else []
    return f"{change.kind} by {change.source} is taken back; {', '.join(parts)}"


def _listed(keys: list[str]) -> str:
    return ", ".join(keys) if len(keys) <= 5 else f"{len(keys)} memories"  # noqa: PLR2004  (what fits a line)
