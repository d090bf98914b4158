"""What do the commands `/set` and `/unset` do?

What they set holds for this session and beats every other layer.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ollm.api import Candidate, CommandContext, Field, UsageError, camel, key_of, path_of, visible
from ollm_plugins.options.asking import who_answers
from ollm_plugins.options.commands import one_line, row
from ollm_plugins.options.resolve import ALL, MODELS, OPTIONS, PROVIDERS, resolve

Name = Annotated[
    str | None, typer.Argument(help="An option, e.g. temperature, or the key of any setting.", metavar="[NAME]")
]
ForModel = Annotated[
    str | None, typer.Option("--model", "-m", help="Only for this model; globs are allowed.", metavar="NAME")
]
_AT_START = "plugins"
"""The section that is read when ollm starts, and never again."""


def set_option(
    ctx: CommandContext,
    name: Name = None,
    value: Annotated[
        list[str] | None, typer.Argument(help="As in a variable: 0.2, true, high, a,b; null for none.")
    ] = None,
    *,
    model: ForModel = None,
) -> None:
    """Set an option, or any other setting, for this session; without a value, show it; without a name, list all."""
    if name is None:
        _list(ctx, model)
        return
    field = _field(ctx, name, model)
    if not value:
        _show(ctx, field)
        return
    settings = ctx.app.settings
    given = settings.value_of(field.key, Candidate("environment", "/set", " ".join(value)))
    settings.set_session(field.key, given)
    _apply(ctx, field)
    ctx.out.print(f"{field.key} is {one_line(given)} for this session")
    _tell_more_specific(ctx, field)


def unset_option(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="As in /set.", metavar="NAME")],
    *,
    model: ForModel = None,
) -> None:
    """Take back what was set for this session; what holds without it is said."""
    field = _field(ctx, name, model)
    if not ctx.app.settings.unset_session(field.key):
        ctx.out.print(f"{field.key} was not set in this session")
        return
    _apply(ctx, field)
    winner = ctx.app.settings.candidates(field.key)[-1]
    left = "is not set any more" if winner.layer == "default" and winner.raw in (None, (), {}) else None
    value = one_line(ctx.app.settings.get(field.key))
    ctx.out.print(f"{field.key} {left or f'is {value} again ({winner.where})'}")


def _field(ctx: CommandContext, name: str, model: str | None) -> Field:
    """Return the setting that a name means: an option's in any spelling, or a whole key.

    :raises UsageError: there is none, or it cannot be changed while ollm runs
    """
    path = path_of(name.replace("-", "_") if "." not in name else name)
    path = (ALL, *path) if path[0] not in _sections(ctx) else path
    head, option, *inner = (*path, "")
    if head == ALL and camel(option) in map(camel, OPTIONS):
        above = (ALL,) if model is None else (MODELS, model, ALL)
        path = (*above, camel(option), *(each for each in inner if each))
    elif model is not None:
        raise UsageError(f"{visible(name)} is no option, so --model does not fit", "/set lists the options.")
    return _known(ctx, path, name)


def _sections(ctx: CommandContext) -> set[str]:
    return {section.path[0] for section in ctx.app.settings.sections}


def _known(ctx: CommandContext, path: tuple[str, ...], name: str) -> Field:
    settings = ctx.app.settings
    field = settings.field_at(path)
    if field is None:
        from ollm.api import nearest

        near = nearest(key_of(path), settings.fields)
        raise UsageError(f"There is no option or setting {visible(name)}{near}", "/set lists the options.")
    if path[0] == _AT_START:
        remedy = f"`/config set {field.key} …` writes it into your file for the next start."
        raise UsageError(f"{field.key} is read only when ollm starts", remedy)
    return field


def _list(ctx: CommandContext, model: str | None) -> None:
    """List the options in force for the model that answers, then whatever else was set for this session."""
    asked = ctx.run(who_answers(ctx.app, model, None))
    found = resolve(ctx.app.settings, asked.provider, asked.model)
    ctx.out.table(("option", "value", "from", "instead of"), map(row, found))
    shown = {each.winner.key for each in found if each.winner}
    for field in ctx.app.settings.all_fields():
        winner = ctx.app.settings.candidates(field.key)[-1]
        if winner.layer == "session" and field.key not in shown:
            ctx.out.print(f"{field.key} is {one_line(winner.raw)} for this session")


def _show(ctx: CommandContext, field: Field) -> None:
    winner = ctx.app.settings.candidates(field.key)[-1]
    value = one_line(ctx.app.settings.get(field.key))
    ctx.out.print(f"{field.key} is {value} ({winner.where}). {field.setting.help}")


def _apply(ctx: CommandContext, field: Field) -> None:
    """Let providers be made anew, when next needed, if it is one of their own settings that has changed."""
    if field.path[0] == PROVIDERS and field.path[-2] != ALL:
        ctx.run(ctx.app.providers.aclose())


def _tell_more_specific(ctx: CommandContext, field: Field) -> None:
    """Say where the session also holds a value for single models, which is the stronger one there."""
    settings = ctx.app.settings
    for above in (MODELS, PROVIDERS) if field.path[0] == ALL else ():
        for entry in settings.entries(f"{above}.*.options"):
            key = key_of((above, entry, *field.path))
            winner = settings.candidates(key)[-1]
            if winner.layer == "session":
                ctx.out.say(f"ollm: But {key} stays {one_line(winner.raw)}, which is more specific.")
