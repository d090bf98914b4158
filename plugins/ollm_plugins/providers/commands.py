"""What do the commands `provider …` do?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ollm.api import (
    CommandContext,
    Completes,
    Json,
    OllmError,
    Owned,
    ProviderEntry,
    UsageError,
    change_setting,
    read_settings,
    remove_setting,
    without_credentials,
)
from ollm_plugins.providers.reach import Reached, reach_all

KEY = "model.provider"

Name = Annotated[str | None, typer.Argument(help="As in `provider list`.", metavar="[NAME]"), Completes("provider")]


def list_providers(ctx: CommandContext, *, as_json: Json = False) -> None:
    """List the providers in the order in which they are asked, and try to reach each of them."""
    chosen = ctx.app.providers.chosen()
    found = ctx.run(reach_all(ctx.app, ctx.app.providers.entries()))
    first = next((each.name for each in found if each.health), None) if chosen is None else None
    rows = [_described(ctx, each, chosen, first) for each in found]
    if as_json:
        ctx.out.document(rows)
    else:
        ctx.out.table(("", "name", "state", "version", "where", "summary"), [_row(each) for each in rows])
        for each in found:
            if each.error:
                ctx.out.say(f"ollm: {each.error.problem}")
    if chosen is not None and chosen not in {each.name for each in found}:
        ctx.out.say(f"ollm: {_unknown(ctx, chosen)}")


def use(
    ctx: CommandContext,
    name: Name = None,
    *,
    none: Annotated[bool, typer.Option("--none", help="Choose none: the first that can answer does.")] = False,
    as_json: Json = False,
) -> None:
    """Choose the provider that is asked, in your file; in the REPL it holds at once."""
    if (name is None) != none:
        raise UsageError("Give either the name of a provider or --none", "`ollm provider list` lists them.")
    entry = None if name is None else ctx.app.providers.entry(name)
    changed = _write_choice(ctx, name)
    if ctx.surface == "repl":
        ctx.app.settings.set_session(KEY, name)
    file = ctx.app.paths.config
    if as_json:
        ctx.out.document({"key": KEY, "value": name, "file": file, "changed": changed})
    elif name is None:
        ctx.out.print("No provider is chosen: the first that can answer does")
    else:
        ctx.out.print(f"Provider '{name}' is chosen, in {file}")
    _tell_stronger(ctx)
    if entry is not None:
        _tell_unreachable(ctx, entry)


def check(ctx: CommandContext, name: Name = None, *, as_json: Json = False) -> None:
    """Reach a provider; without a name the one that is asked. The exit code is 4 if nobody is there."""
    asked = ctx.app.providers.entry(name) if name else _asked(ctx)
    (reached,) = ctx.run(reach_all(ctx.app, [asked], count=True))
    if as_json:
        ctx.out.document({**_described(ctx, reached, ctx.app.providers.chosen(), None), "models": reached.models})
    if reached.health is None:
        raise reached.error or OllmError(f"Provider '{reached.name}' was not reached")
    if not as_json:
        health = reached.health
        models = f"{reached.models} model{'' if reached.models == 1 else 's'}"
        ctx.out.print(f"Provider '{reached.name}' is at {health.where}, version {health.version}, with {models}")


def _write_choice(ctx: CommandContext, name: str | None) -> bool:
    """Put the choice into the user's file, or take it out; return whether that has changed anything."""
    file, path = ctx.app.paths.config, tuple(KEY.split("."))
    before = read_settings(file).values
    if name is None:
        remove_setting(file, path)
    else:
        change_setting(file, path, name)
    ctx.app.reload_settings()
    return ctx.app.settings.file.values != before


def _asked(ctx: CommandContext) -> Owned[ProviderEntry]:
    """Return the provider that is asked: the chosen one, else the first that can be reached, else the first."""
    chosen = ctx.app.providers.chosen()
    if chosen is not None:
        return ctx.app.providers.entry(chosen)
    entries = ctx.app.providers.entries()
    if not entries:
        raise UsageError("No provider is installed", "Run `ollm plugins doctor`.")
    found = ctx.run(reach_all(ctx.app, entries))
    return next((each.entry for each in found if each.health), entries[0])


def _described(ctx: CommandContext, reached: Reached, chosen: str | None, first: str | None) -> dict[str, Any]:
    health, error = reached.health, reached.error
    return {
        "name": reached.name,
        "summary": reached.entry.item.summary,
        "plugin": reached.entry.record.name,
        "where": health.where if health else _address(ctx, reached.entry),
        "reachable": health is not None,
        "version": health.version if health else None,
        "chosen": reached.name == chosen,
        "first": reached.name == first,
        "problem": error.problem if error else None,
        "remedy": error.remedy if error else None,
    }


def _address(ctx: CommandContext, entry: Owned[ProviderEntry]) -> str | None:
    """Where a provider should be, according to the setting that it names, without user and password."""
    key = entry.item.address
    try:
        return without_credentials(str(ctx.app.settings.get(key))) if key else None
    except OllmError:
        return None


def _row(provider: dict[str, Any]) -> tuple[object, ...]:
    mark = "chosen" if provider["chosen"] else "first" if provider["first"] else ""
    state = "ready" if provider["reachable"] else "away"
    return mark, provider["name"], state, provider["version"], provider["where"], provider["summary"]


def _unknown(ctx: CommandContext, name: str) -> str:
    try:
        ctx.app.providers.entry(name)
    except OllmError as error:
        return str(error)
    return ""


def _tell_stronger(ctx: CommandContext) -> None:
    """Say so when a variable or a flag overrules the file."""
    winner = ctx.app.settings.candidates(KEY)[-1]
    if winner.layer not in ("default", "borrowed", "user", "session"):
        ctx.out.say(f"ollm: But {KEY} stays {winner.raw} ({winner.where}), which is stronger than your file.")


def _tell_unreachable(ctx: CommandContext, entry: Owned[ProviderEntry]) -> None:
    (reached,) = ctx.run(reach_all(ctx.app, [entry]))
    if reached.error:
        ctx.out.say(f"ollm: It cannot be reached now: {reached.error}")
