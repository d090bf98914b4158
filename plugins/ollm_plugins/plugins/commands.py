"""What do the commands `plugins …` do?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ollm.api import (
    CommandContext,
    ExitCode,
    Failure,
    Json,
    PluginRecord,
    SettingsError,
    UsageError,
    nearest,
    read_settings,
    update_setting,
)
from ollm_plugins.plugins.examine import examine, milliseconds

KEY = ("plugins", "disabled")
OURSELVES = "plugins"

SLOW = 300.0
"""Milliseconds of a start from which on a plugin is told to be slow: as much as all of ollm needs."""

Name = Annotated[str, typer.Argument(help="As in `plugins list`.", metavar="NAME")]


def list_plugins(ctx: CommandContext, *, as_json: Json = False) -> None:
    """List the plugins with their state and what they have cost in this run."""
    _tell_mistakes(ctx)
    rows = [_described(record) for record in ctx.app.host.records]
    if as_json:
        ctx.out.document(rows)
        return
    columns = ("name", "version", "distribution", "party", "state", "ms", "hooks")
    ctx.out.table(columns, [_row(each) for each in rows], ("hooks", "ms", "distribution"))


def doctor(
    ctx: CommandContext,
    *,
    trace: Annotated[bool, typer.Option("--trace", help="Show where in its code each plugin failed.")] = False,
    as_json: Json = False,
) -> None:
    """Try every plugin: ask all its hooks, import all it refers to, and say what is wrong and what it costs.

    The exit code is 1 if anything is wrong.
    """
    _tell_mistakes(ctx)
    start = {id(record): milliseconds(record) for record in ctx.app.host.records}
    examine(ctx.app)
    records = sorted(ctx.app.host.records, key=lambda record: -record.seconds)
    ill = [record for record in records if record.failures]
    if as_json:
        plugins = [{**_described(each), "startMilliseconds": start[id(each)]} for each in records]
        for plugin, record in zip(plugins, records, strict=True):
            plugin["failures"] = record.failures
        ctx.out.document({"well": not ill, "plugins": plugins})
    else:
        _print_findings(ctx, ill, trace=trace)
        rows = [(each.name, start[id(each)], milliseconds(each), each.state) for each in records]
        ctx.out.table(("plugin", "ms at start", "ms in all", "state"), rows)
        for each in records:
            if start[id(each)] > SLOW:
                slow = f"Plugin '{each.name}' takes {start[id(each)]:.0f} ms of every start"
                ctx.out.print(f"{slow}: its author should name what is big by a reference; see docs/plugins.md.")
        ctx.out.print(_verdict(records, ill))
    raise typer.Exit(ExitCode.FAILED if ill else ExitCode.DONE)


def enable(ctx: CommandContext, name: Name, *, as_json: Json = False) -> None:
    """Take a plugin off the list `plugins.disabled` in your file."""
    disabled = _disabled(ctx)
    changed = name in disabled
    if changed:
        update_setting(ctx.app.paths.config, KEY, lambda old: [each for each in old or () if each != name])
        ctx.app.reload_settings()
    else:
        _check_known(ctx, name, disabled)
    if as_json:
        ctx.out.document(_done(ctx, name, changed=changed))
    elif changed:
        ctx.out.print(f"Plugin '{name}' is enabled{_when(ctx)}")
    else:
        ctx.out.print(f"Plugin '{name}' is not disabled in {ctx.app.paths.config}")
    _tell_stronger(ctx, name, wanted=False)


def disable(ctx: CommandContext, name: Name, *, as_json: Json = False) -> None:
    """Put a plugin on the list `plugins.disabled` in your file; it is not even imported any more."""
    if name == OURSELVES:
        remedy = f"To do it all the same, add it to plugins.disabled in {ctx.app.paths.config} by hand."
        raise UsageError(f"Plugin '{name}' cannot disable itself: it is what enables plugins again", remedy)
    disabled = _disabled(ctx)
    changed = name not in disabled
    if changed:
        _check_known(ctx, name, disabled)
        update_setting(ctx.app.paths.config, KEY, lambda old: [*(each for each in old or () if each != name), name])
        ctx.app.reload_settings()
    if as_json:
        ctx.out.document(_done(ctx, name, changed=changed))
    elif changed:
        ctx.out.print(f"Plugin '{name}' is disabled{_when(ctx)}")
    else:
        ctx.out.print(f"Plugin '{name}' is already disabled in {ctx.app.paths.config}")
    _tell_stronger(ctx, name, wanted=True)


def _done(ctx: CommandContext, name: str, *, changed: bool) -> dict[str, Any]:
    file = ctx.app.paths.config
    return {"plugin": name, "key": ".".join(KEY), "value": _disabled(ctx), "file": file, "changed": changed}


def _described(record: PluginRecord) -> dict[str, Any]:
    distribution, version = record.distribution
    return {
        "name": record.name,
        "version": version,
        "distribution": distribution,
        "firstParty": record.first_party,
        "state": record.state,
        "hooks": sorted(record.hooks),
        "milliseconds": milliseconds(record),
    }


def _row(plugin: dict[str, Any]) -> tuple[object, ...]:
    party = "first" if plugin["firstParty"] else "third"
    hooks = ", ".join(name.removeprefix("ollm_") for name in plugin["hooks"])
    return (
        plugin["name"],
        plugin["version"],
        plugin["distribution"],
        party,
        plugin["state"],
        plugin["milliseconds"],
        hooks,
    )


def _print_findings(ctx: CommandContext, ill: list[PluginRecord], *, trace: bool) -> None:
    for record in ill:
        ctx.out.print(f"{record.name} ({' '.join(record.distribution)}): {record.state}")
        for failure in record.failures:
            _print_failure(ctx, failure, trace=trace)
        ctx.out.print()


def _print_failure(ctx: CommandContext, failure: Failure, *, trace: bool) -> None:
    ctx.out.print(f"  where:  {failure.where}")
    ctx.out.print(f"  cause:  {failure.cause}")
    ctx.out.print(f"  remedy: {failure.remedy}")
    if trace and failure.trace:
        ctx.out.print("\n".join(f"    {line}" for line in failure.trace.splitlines()))


def _verdict(records: list[PluginRecord], ill: list[PluginRecord]) -> str:
    blocked = [record.name for record in records if record.state == "blocked"]
    apart = f" ({len(blocked)} disabled: {', '.join(blocked)})" if blocked else ""
    if ill:
        return f"Something is wrong with {len(ill)} of {len(records)} plugins{apart}"
    return f"All {len(records)} plugins are well{apart}"


def _disabled(ctx: CommandContext) -> list[str]:
    """Return the list in the user's file.

    :raises SettingsError: the file cannot be read, or what stands there is no list of names
    """
    file = read_settings(ctx.app.paths.config)
    section = file.values.get(KEY[0])
    found = section.get(KEY[1]) if isinstance(section, dict) else None
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        problem = f"{file.where(KEY)}: plugins.disabled is not a list of names"
        raise SettingsError((problem,), "Write it as [a, b].")
    return found


def _check_known(ctx: CommandContext, name: str, disabled: list[str]) -> None:
    """Check that there is such a plugin.

    :raises UsageError: there is none; the nearest is named
    """
    names = sorted({record.name for record in ctx.app.host.records} | set(disabled))
    if name not in names:
        raise UsageError(f"There is no plugin '{name}'{nearest(name, names)}", "`ollm plugins list` lists all.")


def _when(ctx: CommandContext) -> str:
    return "; this takes effect at the next start" if ctx.surface == "repl" else ""


def _tell_stronger(ctx: CommandContext, name: str, *, wanted: bool) -> None:
    """Say so when a variable overrules the list in the file."""
    winner = ctx.app.settings.candidates(".".join(KEY))[-1]
    if winner.layer in ("default", "borrowed", "user"):
        return
    held = name in ctx.app.settings.get(".".join(KEY))
    if held != wanted:
        stays = "disabled" if held else "enabled"
        ctx.out.say(f"ollm: But '{name}' stays {stays}: {winner.where} is stronger than your file.")


def _tell_mistakes(ctx: CommandContext) -> None:
    """Mistakes in the settings can be why a plugin is not loaded."""
    try:
        ctx.app.check_settings()
    except SettingsError as error:
        for line in error.problems:
            ctx.out.say(f"ollm: {line}")
