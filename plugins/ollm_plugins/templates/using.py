"""How does a template become a prompt?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ollm.api import CommandContext, Completes, Output, UsageError, piped, replace
from ollm_plugins.templates.asking import ask
from ollm_plugins.templates.library import library
from ollm_plugins.templates.values import given as values_of
from ollm_plugins.templates.wishes import made

if TYPE_CHECKING:
    from ollm.api import FrontendContext


def use(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="The template.", metavar="NAME"), Completes("template")],
    values: Annotated[
        list[str] | None,
        typer.Argument(help="NAME=TEXT, NAME=@FILE, or NAME=- for what is piped in.", metavar="[NAME=VALUE]…"),
        Completes("template-variable"),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the prompt, and send nothing.")] = False,
) -> None:
    """Fill a template and have it answered; what is missing is asked for."""
    known = library(ctx.app.services).find(name)
    filling = values_of(values or (), lambda: _piped(ctx))
    known.check_names(filling)
    lacking = known.lacks(filling)
    if lacking:
        filling |= ask(ctx.app, known, lacking)
    if dry_run:
        write_exactly(ctx.out, known.fill(filling)[0])
        return
    prompt = made(ctx.app.context, known, filling)
    ctx.submit(known.not_empty(prompt.prompt), overrides=prompt.overrides)


def write_exactly(out: Output, text: str) -> None:
    """Write a text as it is, with a line end at its end; on a terminal, with control characters made visible."""
    whole = text if text.endswith("\n") else f"{text}\n"
    if out.stdout.isatty():
        out.write(whole)
    else:
        out.stdout.write(whole)
        out.stdout.flush()


def _piped(ctx: CommandContext) -> str:
    """Return what is piped in.

    :raises UsageError: nothing is, or it is no text
    """
    text = piped() if ctx.surface == "shell" else None
    if text is None:
        raise UsageError("Nothing is piped in that could fill a variable", "Write NAME=TEXT or NAME=@FILE.")
    return text


def prepare(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
    """Make the prompt of a template: what is given with `-p` or piped in fills a variable, or stands below.

    :raises UsageError: there is no such template, or values are missing and nobody can be asked
    """
    shelf = library(context.app.services)
    filled = shelf.fill_with(given["template"], given.get("var", ()), context.prompt, context.app)
    return replace(context, prompt=filled.prompt, overrides=filled.overrides)


def prepare_alone(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
    """Refuse values for a template that is not named.

    :raises UsageError: no template is named
    """
    if "template" not in given:
        raise UsageError("--var gives a template's variable a value, but no template is named", "Add -t NAME.")
    return context
