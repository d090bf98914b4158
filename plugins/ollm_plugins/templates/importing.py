"""How do templates of other programs get here?"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from msgspec import Struct

from ollm.api import CommandContext, Json, OllmError, SettingsError, UsageError, parse_value, visible, write_atomically
from ollm_plugins.templates.foreign import Converted, of_fabric, of_llm
from ollm_plugins.templates.library import library
from ollm_plugins.templates.reading import MAX_BYTES, MAX_NAME, Broken, content, understood
from ollm_plugins.templates.writing import written

Form = Literal["fabric", "llm", "ollm"]
ENDINGS = (".yaml", ".yml")
MOST = 2000
"""Entries that a folder may hold, at most."""


class Source(Struct, frozen=True):
    """Something that can be taken in.

    :param path: a pattern's folder, or a file
    :param root: the folder that the user named, out of which no link may lead; None for a file that they named
    """

    path: Path
    form: Form
    name: str
    root: Path | None = None


class Taken(Struct, frozen=True):
    """What became of it.

    :param lost: what could not be carried over
    :param problem: why it was not taken in; empty if it was
    """

    name: str
    source: Path
    path: Path | None = None
    lost: tuple[str, ...] = ()
    problem: str = ""


def take_in(
    ctx: CommandContext,
    source: Annotated[Path, typer.Argument(help="A file, a pattern's folder, or a folder of many.", metavar="PATH")],
    *,
    name: Annotated[str | None, typer.Option("--name", help="What the one template is to be called.")] = None,
    form: Annotated[str | None, typer.Option("--as", help="fabric, llm or ollm; by default, by its look.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Instead of yours of the same name.")] = False,
    as_json: Json = False,
) -> None:
    """Take in patterns of Fabric, templates of `llm`, or files of ollm's own; says what could not be carried over."""
    if form not in (None, "fabric", "llm", "ollm"):
        raise UsageError(f"There is no form '{visible(form or '')}'", "Take fabric, llm or ollm.")
    path = source.expanduser()
    sources = list(_sources(path, form))
    if not sources:
        raise UsageError(f"{visible(str(source))} holds no templates", "Name a file or a folder of Fabric or of `llm`.")
    if name is not None and len(sources) > 1:
        raise UsageError(f"{visible(str(source))} holds {len(sources)} templates, so --name does not fit")
    root = path if path.is_dir() else None
    named = [Source(each.path, each.form, name or each.name, root) for each in sources]
    taken: list[Taken] = []
    for each in named:
        ours = {before.path for before in taken}
        taken.append(_taken(ctx, each, replacing=replace, ours=ours))
    if as_json:
        ctx.out.document(taken)
    else:
        for line in (line for each in taken for line in _told(each)):
            ctx.out.print(line)
    if any(each.problem for each in taken):
        raise typer.Exit(1)


def _told(taken: Taken) -> Iterator[str]:
    yield f"{taken.name}: {taken.problem or f'taken in as {taken.path}'}"
    yield from (f"  not carried over: {each}" for each in taken.lost)


def _sources(path: Path, form: str | None) -> Iterator[Source]:
    """Yield what can be taken in.

    :raises UsageError: there is nothing at the path, or a folder holds too much
    """
    if path.is_file():
        kind = form or _look(path)
        if kind is not None:
            name = path.parent.name if path.name == "system.md" else path.stem
            yield Source(path, kind, _free_of_signs(name))  # type: ignore[arg-type]  # checked by whoever asks
        return
    if not path.is_dir():
        raise UsageError(f"There is no {visible(str(path))}")
    if (path / "system.md").is_file():
        yield Source(path, "fabric", _free_of_signs(path.resolve().name))
        return
    for each in _entries(path):
        if each.is_dir() and form in (None, "fabric") and (each / "system.md").is_file():
            yield Source(each, "fabric", _free_of_signs(each.name))
        elif each.suffix in ENDINGS and each.is_file():
            yield from _sources(each, form)
    for inner in (path / "patterns", path / "data" / "patterns"):  # a copy of Fabric itself
        if inner.is_dir() and not inner.is_symlink():
            yield from _sources(inner, form)


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, in order.

    :raises UsageError: it holds too much
    """
    with os.scandir(folder) as entries:
        found = sorted(Path(each.path) for each in islice(entries, MOST + 1))
    if len(found) > MOST:
        raise UsageError(f"{visible(str(folder))} holds more than {MOST} entries", "Name a smaller folder, or a file.")
    return found


def _look(path: Path) -> Form | None:
    """Say of which form a file is; None for what is none of ours."""
    if path.suffix == ".md":
        return "fabric"
    if path.suffix not in ENDINGS:
        return None
    try:
        document = parse_value(content(path))
    except SettingsError:
        return "ollm"  # whoever reads it says what is wrong
    return "ollm" if isinstance(document, dict) and "template" in document else "llm"


def _free_of_signs(name: str) -> str:
    """Return a name that a template can have."""
    return re.sub(r"[^\w.-]+", "-", name.strip().lower()).strip("-_.")[:MAX_NAME] or "template"


def _taken(ctx: CommandContext, source: Source, *, replacing: bool, ours: Collection[Path | None]) -> Taken:
    """Take one in; what is wrong with it stops no other.

    :param ours: files of those that were taken in just before
    """
    shelf = library(ctx.app.services)
    shelf.file_of(source.name)  # refuses what is no name
    paths = [shelf.own_folder / f"{source.name}{ending}" for ending in ENDINGS]
    there = next((path for path in paths if os.path.lexists(path)), None)
    if there is not None and there in ours:
        problem = "left alone, since another one here has that name; give it alone, with --name"
        return Taken(source.name, source.path, problem=problem)
    if there is not None and not replacing:
        return Taken(source.name, source.path, problem=f"left alone, since {there} is there; --replace takes its place")
    try:
        text, lost = _text(ctx, source)
    except (OllmError, ValueError) as error:
        problem = error.problem if isinstance(error, OllmError) else str(error)
        return Taken(source.name, source.path, problem=f"not taken in: {visible(problem)}")
    if len(text.encode()) > MAX_BYTES:
        problem = f"not taken in: written as a file, it is larger than {MAX_BYTES >> 10} KiB"
        return Taken(source.name, source.path, problem=problem)
    write_atomically(there or paths[0], text)
    return Taken(source.name, source.path, there or paths[0], lost)


def _text(ctx: CommandContext, source: Source) -> tuple[str, tuple[str, ...]]:
    """Return the file's text that it becomes, and what is lost.

    :raises Broken: a file cannot be used
    :raises ValueError: it is not what it should be
    """
    settings = ctx.app.settings
    if source.form == "ollm":
        text = _read(source, source.path)
        understood(source.path, text, source.name, "user", settings)
        return text, ()
    converted = _fabric(source) if source.form == "fabric" else _llm(ctx, source)
    program = {"fabric": "a pattern of Fabric", "llm": "a template of llm"}[source.form]
    return written(converted.template, settings, remark=f"Made of {program}."), converted.lost


def _read(source: Source, path: Path) -> str:
    """Return a file's text.

    :raises Broken: it cannot be read, or leads out of the folder that the user named
    """
    if source.root is not None:
        home = os.path.realpath(source.root)
        if os.path.commonpath((home, os.path.realpath(path))) != home:
            raise Broken((f"{path} is a link that leads out of {source.root}",))
    return content(path)


def _fabric(source: Source) -> Converted:
    if source.path.is_file():
        return of_fabric(source.name, _read(source, source.path), "", _described(source))
    user = source.path / "user.md"
    system = _read(source, source.path / "system.md")
    return of_fabric(source.name, system, _read(source, user) if user.is_file() else "", _described(source))


def _described(source: Source) -> str:
    return f"{source.name.replace('_', ' ').replace('-', ' ').capitalize()} (Fabric)"


def _llm(ctx: CommandContext, source: Source) -> Converted:
    try:
        document: Any = parse_value(_read(source, source.path))
    except Broken:
        raise
    except SettingsError as error:
        raise ValueError(f"{source.path}: {error.problems[0]}".splitlines()[0]) from error
    if not isinstance(document, dict | str):
        raise ValueError(f"{source.path} holds neither a prompt nor names with values")  # noqa: TRY004  (a file's content)
    return of_llm(source.name, document, ctx.app.settings)
