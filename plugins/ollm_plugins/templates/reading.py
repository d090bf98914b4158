"""How is a template's file read, whoever wrote it?

Size, depth and number of values are bounded; whatever is wrong becomes one line that names file and line.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ollm.api import SettingsError, SettingsReader, Template, TemplateVariable, nearest, parse_settings, visible
from ollm_plugins.templates.options import option_mistakes
from ollm_plugins.templates.template import Known, Origin
from ollm_plugins.templates.text import NAME

MAX_BYTES = 256 << 10
"""Bytes of a file, at most: some 60,000 tokens, more than a prompt that people write."""

MAX_PROBLEM = 500
"""Characters of what is said of a file that cannot be used, at most."""

MAX_NAME = 100
FILE_NAME = re.compile(rf"[^\W_][\w.-]{{0,{MAX_NAME - 1}}}")
"""What the name of a template must match: no separators, and no dot or dash in front."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w-][\w.-]*)*(:[\w.-]+)?")
"""A model's name as registries write it."""
_NOT_FOR_PROJECTS = frozenset({"extra", "keepAlive"})
"""Options that a project may not set: what goes past all checks, and what lasts longer than the answer."""


class Broken(SettingsError):
    """A file that cannot be used as a template; its problem is one line."""


class _Variable(Struct, forbid_unknown_fields=True, rename="camel"):
    name: str
    required: bool = False
    default: str | int | float | bool | None = None
    description: str | None = None


class _Form(Struct, forbid_unknown_fields=True, rename="camel"):
    template: str
    version: int = 1
    name: str | None = None
    description: str | None = None
    variables: list[str | _Variable] | None = None
    system: str | None = None
    model: str | None = None
    profile: str | None = None
    options: dict[str, Any] | None = None
    schema: dict[str, Any] | None = None


def read(path: Path, name: str, origin: Origin, settings: SettingsReader) -> Known:
    """Read a file.

    :param name: what the template is called
    :raises Broken: it cannot be used
    """
    return understood(path, content(path), name, origin, settings)


def content(path: Path) -> str:
    """Return a file's text.

    :raises Broken: it cannot be read, is no plain file, too large, or no UTF-8
    """
    try:
        with open(path, "rb", opener=lambda file, _: os.open(file, _FLAGS)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe or a device might never end
                raise _broken(path, "is no regular file")
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _broken(path, f"is larger than {MAX_BYTES >> 10} KiB")
        return data.decode()
    except UnicodeDecodeError as error:
        raise _broken(path, f"is not UTF-8 text (byte {error.start})") from error
    except (OSError, ValueError) as error:
        raise _broken(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def understood(path: Path, text: str, name: str, origin: Origin, settings: SettingsReader) -> Known:
    """Return what a text says.

    :param path: named in problems
    :raises Broken: it is no template
    """
    if not FILE_NAME.fullmatch(name):
        raise _broken(path, "has no name that a template can have: letters, digits and _ . -")
    try:
        parsed = parse_settings(path, text)
    except SettingsError as error:
        problem = error.problems[0].replace("hold settings of", "hold a template of")
        raise _one_line(problem.replace("no setting takes", "no template takes")) from error
    try:
        form = msgspec.convert(parsed.values, _Form)
    except msgspec.ValidationError as error:
        raise _broken(*_words(path, parsed.lines, str(error))) from error
    variables = tuple(map(_variable, form.variables or ()))
    _check_variables(path, parsed.lines, variables)
    options = form.options or {}
    for option, mistake in option_mistakes(settings, options):
        raise _broken(_where(path, parsed.lines, ("options", option)), mistake)
    _check_schema(path, parsed.lines, form.schema)
    if origin == "project":
        _check_strangers(path, parsed.lines, form)
    template = Template(
        name,
        form.description or "",
        form.template,
        variables,
        form.system,
        form.model,
        form.profile,
        options,
        form.schema,
    )
    declares = form.variables is not None
    return Known(template, origin, declares, path, lines=parsed.lines, source=text, own_name=form.name or "")


def _check_schema(path: Path, lines: Any, schema: dict[str, Any] | None) -> None:
    """:raises Broken: it is none"""
    if schema is None:
        return
    from ollm_plugins.templates.schema import slips

    for key, slip in slips(schema):
        at = ("schema", *key)
        raise _broken(_where(path, lines, at), f"{'.'.join(at)}: {slip}")


def _check_strangers(path: Path, lines: Any, form: _Form) -> None:
    """Refuse what no file of a project may name, whoever trusts it: files, addresses, options past all checks.

    :raises Broken: it names such a thing
    """
    if form.model is not None and (not _MODEL.fullmatch(form.model) or form.model.lower().endswith(".gguf")):
        problem = "model: a project's template may name a model, no file and no address"
        raise _broken(_where(path, lines, ("model",)), problem)
    for option in _NOT_FOR_PROJECTS & set(form.options or {}):
        problem = f"options: a project's template may not set {option}"
        raise _broken(_where(path, lines, ("options", option)), problem)


def _variable(given: str | _Variable) -> TemplateVariable:
    if isinstance(given, str):
        return TemplateVariable(given, required=True)
    return TemplateVariable(given.name, given.required, _as_text(given.default), given.description or "")


def _as_text(default: str | float | bool | None) -> str | None:  # noqa: FBT001  (a value, not a switch)
    """Return a default as it would be typed."""
    if default is None or isinstance(default, str):
        return default
    return str(default).lower() if isinstance(default, bool) else str(default)


def _check_variables(path: Path, lines: Any, variables: tuple[TemplateVariable, ...]) -> None:
    """:raises Broken: a name is none, or declared twice"""
    seen: set[str] = set()
    for number, each in enumerate(variables):
        where = _where(path, lines, ("variables", str(number), "name"))
        if not NAME.fullmatch(each.name):
            raise _broken(where, f"{each.name!r} is no name of a variable: letters, digits and _, no digit in front")
        if each.name in seen:
            raise _broken(where, f"the variable {each.name} is declared twice")
        seen.add(each.name)


_AT = re.compile(r"(?s)(.*?)(?: - at `\$([^`]*)`)?")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_PARTS = re.compile(r"[^.\[\]]+")
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "names with values",
    "array": "a list",
    "null": "nothing",
}


def _words(path: Path, lines: Any, said: str) -> tuple[str, str]:
    """Turn msgspec's words into a place in the file, and ours."""
    found = _AT.fullmatch(said)
    text, place = (found[1], found[2] or "") if found else (said, "")
    key = tuple(_PARTS.findall(place))
    unknown = _UNKNOWN.fullmatch(text)
    if unknown:
        fields = (_Variable if key[:1] == ("variables",) else _Form).__struct_fields__
        return _where(path, lines, (*key, unknown[1])), f"there is no {unknown[1]!r}{nearest(unknown[1], fields)}"
    text = text.replace("Object missing required field", "it has no").replace("Expected", "expected")
    text = re.sub(r"`([^`]*)`", lambda words: " or ".join(_KINDS.get(w, w) for w in words[1].split(" | ")), text)
    name = re.sub(r"\[(\d+)\]", lambda index: f" {int(index[1]) + 1}", place.lstrip("."))
    return _where(path, lines, key), f"{name}: {text}" if name else text


def _where(path: Path, lines: Any, key: tuple[str, ...]) -> str:
    """Return file and line of a key, or of the nearest above it."""
    for length in range(len(key), 0, -1):
        if key[:length] in lines:
            return f"{path}:{lines[key[:length]]}"
    return str(path)


def _broken(where: object, problem: str) -> Broken:
    return _one_line(f"{visible(str(where))}: {visible(problem)}")


def _one_line(problem: str) -> Broken:
    """Return a problem of one line that people can read: a file may hold names of any length."""
    line = " ".join(problem.split())
    return Broken((line if len(line) <= MAX_PROBLEM else f"{line[: MAX_PROBLEM - 1]}…",))
