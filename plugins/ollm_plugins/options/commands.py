"""What does the command `options` do?"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Json, camel, to_document
from ollm_plugins.options.asking import Asked, who_answers
from ollm_plugins.options.resolve import Given, Resolved, resolve

_UNSET = {"num_ctx": "what the conversation needs"}
"""Where an option comes from that nobody has set, unless from the model."""


def show(
    ctx: CommandContext,
    model: Annotated[
        str | None, typer.Argument(help="As in `model list`; without one, the model that answers.", metavar="[MODEL]")
    ] = None,
    *,
    provider: Annotated[str | None, typer.Option("--provider", help="Whose model is meant.", metavar="NAME")] = None,
    as_json: Json = False,
) -> None:
    """Show which options are sent to a model, where each comes from, and what it beat.

    The limits of the model may lower what is shown here, and say so when they do.
    """
    asked = ctx.run(who_answers(ctx, model, provider))
    found = resolve(ctx.app.settings, asked.provider, asked.model)
    if as_json:
        document = {"model": asked.model or None, "provider": asked.provider or None}
        ctx.out.document({**document, "options": [_described(each) for each in found]})
    else:
        ctx.out.table(("option", "value", "from", "instead of"), map(row, found))
    _tell_left_out(ctx, asked)


def row(option: Resolved) -> tuple[str, ...]:
    """Return a line of a table: option, value, origin, and what it beat."""
    name = spelled(option.name)
    if option.winner is None:
        return name, "", _UNSET.get(option.name, "the model's default"), ""
    return name, one_line(option.value), origin(option.winner), ", ".join(map(_beaten, option.beaten))


def spelled(name: str) -> str:
    """Return an option's name as it stands in a file."""
    head, dot, rest = name.partition(".")
    return f"{camel(head)}{dot}{rest}"


def one_line(value: Any) -> str:
    """Write a value for a table: JSON, but text without quotes."""
    if value in (None, ()):
        return "nothing"
    return value if isinstance(value, str) else json.dumps(to_document(value), ensure_ascii=False, default=str)


def origin(given: Given) -> str:
    """Say where a value comes from: the layer, and the setting unless that is the one for all."""
    special = not given.key.startswith("options.")
    return f"{given.candidate.where}, {given.key}" if special else given.candidate.where


def _beaten(given: Given) -> str:
    return f"{one_line(given.value)} ({origin(given)})"


def _described(option: Resolved) -> dict[str, Any]:
    winner = option.winner
    told: dict[str, Any] = {"option": spelled(option.name), "value": option.value}
    if winner is None:
        return {**told, "key": None, "layer": "default", "origin": "default", "insteadOf": []}
    return {**told, **_place(winner), "insteadOf": [{"value": each.value, **_place(each)} for each in option.beaten]}


def _place(given: Given) -> dict[str, str]:
    return {"key": given.key, "layer": given.candidate.layer, "origin": given.candidate.where}


def _tell_left_out(ctx: CommandContext, asked: Asked) -> None:
    """Say so when nobody knows who would answer, so that options of single models or providers are missing."""
    if asked.problem:
        ctx.out.say(f"ollm: {asked.problem}")
        left_out = "providers" if asked.model else "models" if asked.provider else "models and providers"
        ctx.out.say(f"ollm: Options of single {left_out} are left out; name a model, and its provider by --provider.")
