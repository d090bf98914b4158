"""What do the commands `config …` do?"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ollm.api import (
    CommandContext,
    Completes,
    ExitCode,
    Field,
    Json,
    SettingsError,
    change_setting,
    key_of,
    path_of,
    read_settings,
    remove_setting,
    to_document,
)
from ollm_plugins.config import keys, values

Key = Annotated[
    str, typer.Argument(help="Names joined by dots, e.g. model.default.", metavar="KEY"), Completes("setting")
]


def show(
    ctx: CommandContext,
    section: Annotated[str | None, typer.Argument(help="Only what is in this section.", metavar="[SECTION]")] = None,
    *,
    origin: Annotated[
        bool, typer.Option("--origin", help="Say where each value comes from, and what it beat.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the settings and their values."""
    _tell_mistakes(ctx)
    chosen = _within(ctx, section)
    if as_json:
        ctx.out.document(_nested(ctx, chosen, origin=origin))
    elif origin:
        ctx.out.table(("setting", "value", "from", "instead of"), [_row_with_origin(ctx, field) for field in chosen])
    else:
        settings = ctx.app.settings
        ctx.out.table(
            ("setting", "value"), [(each.key, values.one_line(values.shown(settings, each))) for each in chosen]
        )


def get_setting(ctx: CommandContext, key: Key, *, as_json: Json = False) -> None:
    """Print the value of one setting; an empty line when it has none."""
    _tell_mistakes(ctx)
    field, inner = keys.find(ctx.app.settings, path_of(key))
    value = _inside(ctx.app.settings.get(field.key), inner)
    if as_json:
        ctx.out.document(value)
    else:
        ctx.out.print(values.one_line(value))


def set_setting(
    ctx: CommandContext,
    key: Key,
    value: Annotated[
        str, typer.Argument(help="Text, a number, true, false, or a list: [a, b]."), Completes("setting-value")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Set one setting in your file; comments and order stay as they are."""
    settings, path, file = ctx.app.settings, path_of(key), ctx.app.paths.config
    field, inner = keys.find(settings, path)
    path = (*field.path, *inner)
    raw = values.from_text(settings, field, inner, value)
    before = read_settings(file).values
    change_setting(file, path, raw)
    ctx.app.reload_settings()
    name, told = key_of(path), values.masked(raw)
    if as_json:
        changed = ctx.app.settings.file.values != before
        ctx.out.document({"key": name, "value": told, "file": file, "changed": changed})
    else:
        ctx.out.print(f"{name} is {json.dumps(told, ensure_ascii=False)} in {file}")
    _tell_stronger(ctx, field)


def unset_setting(ctx: CommandContext, key: Key, *, as_json: Json = False) -> None:
    """Remove one setting from your file, known or not."""
    path = path_of(key)
    file = ctx.app.paths.config
    known = ctx.app.settings.field_at(path)
    path = path if known is None else known.path
    removed = remove_setting(file, path)
    if removed:
        ctx.app.reload_settings()
    elif known is None:
        raise keys.unknown(ctx.app.settings, path)
    name = key_of(path)
    if as_json:
        ctx.out.document({"key": name, "file": file, "changed": removed})
    else:
        ctx.out.print(f"{name} is {'no longer' if removed else 'not'} set in {file}")
    if known is not None:
        _tell_stronger(ctx, known)


def path(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Print where your file is, whether it exists or not."""
    file = ctx.app.paths.config
    if as_json:
        ctx.out.document({"file": file, "exists": file.exists()})
    else:
        ctx.out.print(str(file))


def validate(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Look for mistakes in your file, the project's, variables and flags."""
    if as_json:
        problems = _mistakes(ctx)
        ctx.out.document(problems)
        raise typer.Exit(ExitCode.USAGE if problems else ExitCode.DONE)
    ctx.app.check_settings()
    for line in ctx.app.settings.unchecked():
        ctx.out.say(f"ollm: {line}: not every plugin is loaded")
    file = ctx.app.paths.config
    ctx.out.print(f"{file} is valid" if file.exists() else f"{file} does not exist; the settings are valid")


def schema(
    ctx: CommandContext,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Changes nothing: it is JSON anyway.")] = False,  # noqa: ARG001
) -> None:
    """Print the JSON Schema of the file; editors use it to complete and check."""
    from ollm.api import settings_schema

    ctx.out.document(settings_schema(ctx.app.settings.sections))


def _mistakes(ctx: CommandContext) -> tuple[str, ...]:
    try:
        ctx.app.check_settings()
    except SettingsError as error:
        return error.problems
    return ()


def _tell_mistakes(ctx: CommandContext) -> None:
    for line in _mistakes(ctx):
        ctx.out.say(f"ollm: {line}")


def _tell_stronger(ctx: CommandContext, field: Field) -> None:
    """Say so when what stands in the file does not hold."""
    winner = ctx.app.settings.candidates(field.key)[-1]
    if winner.layer not in ("default", "borrowed", "user"):
        ctx.out.say(f"ollm: But {field.key} stays {values.told(winner)}, which is stronger than your file.")


def _within(ctx: CommandContext, section: str | None) -> list[Field]:
    settings = ctx.app.settings
    fields = sorted(settings.all_fields(), key=lambda field: field.key)
    if section is None:
        return fields
    path = path_of(section)
    above = f"{'.'.join(path)}."  # so that no name needs quotes
    chosen = [field for field in fields if f"{'.'.join(field.path)}.".startswith(above)]
    if not chosen and not any(keys.leads_to(path, field.path) for field in settings.fields.values()):
        raise keys.unknown(settings, path)
    return chosen


def _row_with_origin(ctx: CommandContext, field: Field) -> tuple[str, ...]:
    *beaten, winner = ctx.app.settings.candidates(field.key)
    others = ", ".join(values.told(each) for each in reversed(beaten))
    return field.key, values.one_line(values.shown(ctx.app.settings, field)), winner.where, others


def _nested(ctx: CommandContext, fields: list[Field], *, origin: bool) -> dict[str, Any]:
    """Arrange settings as they stand in the file."""
    root: dict[str, Any] = {}
    for field in fields:
        *above, last = field.path
        node = root
        for name in above:
            node = node.setdefault(name, {})
        value = values.shown(ctx.app.settings, field)
        node[last] = {"value": value, **_origin(ctx, field)} if origin else value
    return root


def _origin(ctx: CommandContext, field: Field) -> dict[str, Any]:
    *beaten, winner = ctx.app.settings.candidates(field.key)
    others = [
        {"value": values.masked(each.raw), "layer": each.layer, "origin": each.where} for each in reversed(beaten)
    ]
    return {"layer": winner.layer, "origin": winner.where, "insteadOf": others}


def _inside(value: Any, inner: keys.Words) -> Any:
    value = to_document(value)
    for name in inner:
        value = value.get(name) if isinstance(value, dict) else None
    return value
