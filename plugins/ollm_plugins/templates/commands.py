"""What do the commands show that change nothing?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Completes, Json, TemplateVariable, to_document
from ollm_plugins.templates.library import Library, Listed, library
from ollm_plugins.templates.reading import Broken, read
from ollm_plugins.templates.template import Known

MOST = 20
"""Variables that a line of the list names, at most: a file may hold any number."""
Name = Annotated[str, typer.Argument(help="The template.", metavar="NAME"), Completes("template")]


def list_all(ctx: CommandContext, *, as_json: Json = False) -> None:
    """List all templates; one that cannot be used is a line of its own."""
    shelf = library(ctx.app.services)
    everything = shelf.everything()
    if as_json:
        ctx.out.document([_summary(each) for each in everything])
    else:
        ctx.out.table(("name", "whose", "description", "variables"), map(_row, everything), ("variables",))
        for each in everything:
            if each.hides:
                hidden = " and ".join(other.whose for other in each.hides)
                ctx.out.say(f"ollm: The template '{each.name}' ({each.whose}) hides {hidden}.")
    if shelf.project.left_out:
        ctx.out.say(f"ollm: {shelf.project.left_out}")


def _row(listed: Listed) -> tuple[object, ...]:
    if listed.known is None:
        problem = listed.problem.replace(f"{listed.path.parent}{os.sep}", "") if listed.path else listed.problem
        return listed.name, listed.whose, f"cannot be used: {problem}", ""
    shown = [_shown(each) for each in listed.known.variables[:MOST]]
    variables = " ".join(shown + (["…"] if len(listed.known.variables) > MOST else []))
    return listed.name, listed.whose, " ".join(listed.known.template.description.split()), variables


def _shown(variable: TemplateVariable) -> str:
    return variable.name if variable.required else f"[{variable.name}]"


def _summary(listed: Listed) -> dict[str, Any]:
    document: dict[str, Any] = {"name": listed.name, **_origin(listed), "path": listed.path}
    document |= {"hides": [_origin(each) for each in listed.hides], "problem": listed.problem or None}
    if listed.known is not None:
        template = listed.known.template
        document |= {"description": template.description, "variables": to_document(listed.known.variables)}
    return document


def _origin(listed: Listed) -> dict[str, Any]:
    return {"origin": listed.origin, "plugin": listed.by or None}


def show(ctx: CommandContext, name: Name, *, as_json: Json = False) -> None:
    """Show a template: what it needs, what it asks for, its text."""
    known = library(ctx.app.services).find(name)
    if as_json:
        ctx.out.document(_document(known))
        return
    for line in _lines(known):
        ctx.out.print(line)
    for doubt in known.doubts():
        ctx.out.say(f"ollm: {doubt}")


def _document(known: Known) -> dict[str, Any]:
    document: dict[str, Any] = to_document(known.template)
    document["profile"] = document.pop("routingProfile")
    document["variables"] = to_document(known.variables)
    return {**document, "origin": known.origin, "path": known.path, "doubts": list(known.doubts())}


def _lines(known: Known) -> Iterator[str]:
    template = known.template
    yield f"{known.name}: {template.description}" if template.description else known.name
    yield f"from: {known.path}" if known.path else f"whose: {known.whose}"
    for each in known.variables:
        state = "required" if each.required else f"default: {each.default or 'empty'}"
        yield f"  {each.name} ({state}){': ' + each.description if each.description else ''}"
    asked = {"model": template.model, "profile": template.routing_profile, **template.options}
    yield from (f"{name}: {value}" for name, value in asked.items() if value is not None)
    if template.schema is not None:
        yield "schema: the answer is JSON of a given form"
    if template.system is not None:
        yield from ("system:", *_indented(template.system))
    yield from ("template:", *_indented(template.template))


def _indented(text: str) -> Iterator[str]:
    return (f"  | {line}".rstrip() for line in text.rstrip("\n").split("\n"))


def check(
    ctx: CommandContext,
    name: Annotated[
        str | None,
        typer.Argument(help="A template or a file; without one, all of yours.", metavar="[NAME|FILE]"),
        Completes("template"),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what is wrong or doubtful, with file and line; ends with 1 when anything is."""
    shelf = library(ctx.app.services)
    problems = list(_problems(ctx, shelf, name))
    if as_json:
        ctx.out.document({"problems": problems})
    else:
        for problem in problems or ["Nothing is wrong"]:
            ctx.out.print(problem)
    if problems:
        raise typer.Exit(1)


def _problems(ctx: CommandContext, shelf: Library, name: str | None) -> Iterator[str]:
    if name is None:
        for each in shelf.everything():
            if each.path is not None:
                yield from [each.problem] if each.known is None else each.known.doubts()
        return
    try:
        yield from _known(ctx, shelf, name).doubts()
    except Broken as error:
        yield error.problem


def _known(ctx: CommandContext, shelf: Library, name: str) -> Known:
    """Return the template of a file, or of a name.

    :raises Broken: it cannot be used
    :raises UsageError: there is none
    """
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return read(path, path.stem, "user", ctx.app.settings)
    return shelf.find(name)
