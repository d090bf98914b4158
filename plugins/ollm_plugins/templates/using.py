"""How does a template become a prompt?"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ollm.api import CommandContext, Completes, Output, UsageError, replace
from ollm_plugins.templates.asking import ask
from ollm_plugins.templates.library import library
from ollm_plugins.templates.values import given as values_of
from ollm_plugins.templates.wishes import made

if TYPE_CHECKING:
    from ollm.api import FrontendContext
    from ollm_plugins.templates.template import Known

FOR_INPUT = ("input", "prompt", "text")
"""Variables that take what is given with `-p` or piped in, the first that a template has."""


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
    ctx.submit(_not_empty(known, prompt.prompt), overrides=prompt.overrides)


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
    if ctx.surface == "repl" or sys.stdin is None or sys.stdin.isatty():
        raise UsageError("Nothing is piped in that could fill a variable", "Write NAME=TEXT or NAME=@FILE.")
    encoding = sys.stdin.encoding or "utf-8"
    try:
        return sys.stdin.buffer.read().decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(f"The piped input is not {encoding} text (byte {error.start})") from error


def _not_empty(known: Known, prompt: str) -> str:
    if not prompt.strip():
        raise UsageError(f"The template '{known.name}' makes an empty prompt of these values")
    return prompt


def prepare(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
    """Make the prompt of a template: what is given with `-p` or piped in fills a variable, or stands below.

    :raises UsageError: there is no such template, or values are missing and nobody can be asked
    """
    app = context.app
    known = library(app.services).find(given["template"])
    taken: list[str] = []
    filling = values_of(given.get("var", ()), lambda: _given_text(context, taken))
    known.check_names(filling)
    text = "" if taken else context.prompt
    name = _input_variable(known, filling) if text else None
    if name is not None:
        filling[name], text = text, ""
    lacking = known.lacks(filling)
    if lacking:
        filling |= ask(app, known, lacking, "--var ")
    prompt = made(app.context, known, filling)
    whole = f"{prompt.prompt.rstrip()}\n\n{text}" if text else prompt.prompt
    return replace(context, prompt=_not_empty(known, whole), overrides=prompt.overrides)


def _given_text(context: FrontendContext, taken: list[str]) -> str:
    """Return what is given with `-p` and piped in, and note that it is used.

    :raises UsageError: nothing is given
    """
    if not context.prompt:
        raise UsageError("Nothing is piped in that could fill a variable", "Write --var NAME=TEXT or NAME=@FILE.")
    taken.append(context.prompt)
    return context.prompt


def _input_variable(known: Known, filling: Mapping[str, str]) -> str | None:
    """Return the variable that takes the prompt: one that is called so, else the only one that lacks a value."""
    names = [each.name for each in known.variables]
    called = next((name for name in FOR_INPUT if name in names and name not in filling), None)
    lacking = known.lacks(filling)
    return called or (lacking[0].name if len(lacking) == 1 else None)


def prepare_alone(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
    """Refuse values for a template that is not named.

    :raises UsageError: no template is named
    """
    if "template" not in given:
        raise UsageError("--var gives a template's variable a value, but no template is named", "Add -t NAME.")
    return context
