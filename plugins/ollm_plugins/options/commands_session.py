"""What do the commands `/set` and `/unset` do?

What they set holds for this session and beats every other layer.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ollm.api import Candidate, CommandContext, Completes, key_of
from ollm_plugins.options.asking import who_answers
from ollm_plugins.options.commands import one_line, row, spelled
from ollm_plugins.options.naming import Named, named
from ollm_plugins.options.resolve import ALL, MODELS, PROVIDERS, resolve

Name = Annotated[
    str | None,
    typer.Argument(help="An option, e.g. temperature, or the key of any setting.", metavar="[NAME]"),
    Completes("setting"),
]
ForModel = Annotated[
    str | None, typer.Option("--model", "-m", help="Only for this model; globs are allowed.", metavar="NAME")
]


def set_option(
    ctx: CommandContext,
    name: Name = None,
    value: Annotated[
        list[str] | None,
        typer.Argument(help="As in a variable: 0.2, true, high, a,b; null for none."),
        Completes("setting-value"),
    ] = None,
    *,
    model: ForModel = None,
) -> None:
    """Set an option, or any other setting, for this session; without a value, show it; without a name, list all."""
    if name is None:
        _list(ctx, model)
        return
    meant = named(ctx.app.settings, name, model)
    if not value:
        ctx.out.print(f"{_shown(ctx, meant, model)}. {meant.field.setting.help}")
        return
    given = _set(ctx, meant, " ".join(value))
    ctx.out.print(f"{meant.key} is {one_line(given)} for this session")
    _tell_more_specific(ctx, meant)


def unset_option(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="As in /set.", metavar="NAME"), Completes("setting")],
    *,
    model: ForModel = None,
) -> None:
    """Take back what was set for this session; what holds without it is said."""
    meant = named(ctx.app.settings, name, model)
    if not _unset(ctx, meant):
        ctx.out.print(f"{meant.key} was not set in this session")
        return
    _apply(ctx, meant)
    value, where = _in_force(ctx, meant)
    again = "is not set any more" if value in (None, (), {}) else f"is {one_line(value)} again ({where})"
    ctx.out.print(f"{meant.key} {again}")


def _set(ctx: CommandContext, meant: Named, text: str) -> Any:
    """Set a value that is given as text, and return it.

    :raises SettingsError: it does not fit
    """
    settings, key = ctx.app.settings, meant.field.key
    written = json.dumps({meant.inner: _json_or_text(text)}) if meant.inner else text
    given = settings.value_of(key, Candidate("environment", "/set", written))
    settings.set_session(key, {**_of_session(ctx, key), **given} if meant.inner else given)
    _apply(ctx, meant)
    return given[meant.inner] if meant.inner else given


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _unset(ctx: CommandContext, meant: Named) -> bool:
    """Take a value out of the session; False if it was not there."""
    settings, key = ctx.app.settings, meant.field.key
    if not meant.inner:
        return settings.unset_session(key)
    left = _of_session(ctx, key)
    if meant.inner not in left:
        return False
    del left[meant.inner]
    settings.unset_session(key)
    if left:
        settings.set_session(key, left)
    return True


def _of_session(ctx: CommandContext, key: str) -> dict[str, Any]:
    """Return the names with values that the session gives to a setting."""
    winner = ctx.app.settings.candidates(key)[-1]
    return dict(winner.raw) if winner.layer == "session" else {}


def _in_force(ctx: CommandContext, meant: Named) -> tuple[Any, str]:
    """Return the value in force of what is named, and where it comes from."""
    settings, key = ctx.app.settings, meant.field.key
    value = settings.get(key)
    return value.get(meant.inner) if meant.inner else value, settings.origin(key)


def _list(ctx: CommandContext, model: str | None) -> None:
    """List the options in force for the model that answers, then whatever else was set for this session."""
    asked = ctx.run(who_answers(ctx, model, None))
    found = resolve(ctx.app.settings, asked.provider, asked.model)
    ctx.out.table(("option", "value", "from", "instead of"), map(row, found))
    told = {given.setting for each in found for given in (each.winner, *each.beaten) if given}
    for field in ctx.app.settings.all_fields():
        winner = ctx.app.settings.candidates(field.key)[-1]
        if winner.layer == "session" and field.key not in told:
            ctx.out.print(f"{field.key} is {one_line(winner.raw)} for this session")


def _shown(ctx: CommandContext, meant: Named, model: str | None) -> str:
    """Say what is in force: of an option, for the model that answers; else of the setting."""
    if meant.field.path[0] == ALL or model is not None:
        asked = ctx.run(who_answers(ctx, model, None))
        name = f"{meant.field.attribute}.{meant.inner}" if meant.inner else meant.field.attribute
        option = next(
            (each for each in resolve(ctx.app.settings, asked.provider, asked.model) if each.name == name), None
        )
        if option is not None:
            _, value, where, beaten = row(option)
            if option.winner is None:
                return f"{spelled(name)} is not set"
            return f"{spelled(name)} is {value} ({where})" + (f", instead of {beaten}" if beaten else "")
    value, where = _in_force(ctx, meant)
    return f"{meant.key} is not set" if value is None else f"{meant.key} is {one_line(value)} ({where})"


def _apply(ctx: CommandContext, meant: Named) -> None:
    """Let providers be made anew, when next needed, if it is one of their own settings that has changed."""
    if meant.field.path[0] == PROVIDERS and meant.field.path[-2] != ALL:
        ctx.run(ctx.app.providers.aclose())


def _tell_more_specific(ctx: CommandContext, meant: Named) -> None:
    """Say where the session also holds a value for single models, which is the stronger one there."""
    settings = ctx.app.settings
    for above in (MODELS, PROVIDERS) if meant.field.path[0] == ALL else ():
        for entry in settings.entries(f"{above}.*.{ALL}"):
            key = key_of((above, entry, *meant.field.path))
            winner = settings.candidates(key)[-1]
            if winner.layer == "session" and (not meant.inner or meant.inner in winner.raw):
                ctx.out.say(f"ollm: But {key} stays {one_line(winner.raw)}, which is more specific.")
