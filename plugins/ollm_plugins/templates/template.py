"""What is a template that was read, which values does it need, and what is doubtful in it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Literal

from msgspec import Struct

from ollm.api import Template, TemplateVariable, UsageError, nearest, visible
from ollm_plugins.templates.text import Place, Segment, candidates, filled, first_defaults, split

Origin = Literal["project", "user", "plugin", "ollm"]
"""Where a template comes from, the nearest first."""


def whose(origin: Origin, plugin: str = "") -> str:
    """Say whose a template is, for people."""
    named = {"user": "yours", "project": "the project's", "plugin": f"plugin {plugin}'s", "ollm": "ollm's"}
    return named[origin]


MAX_DOUBTS = 50
"""How many of what is not declared, and of what is not used, are told and looked into: a file may hold any number."""


class Known(Struct, frozen=True, dict=True):
    """A template and where it comes from.

    :param declares: whether it says which variables it has; if not, whatever has the form of one is one
    :param path: of its file; None where it comes from a plugin
    :param by: the plugin's name, or empty
    :param lines: the line of each key of the file, by its path in it, and of each line of a text
    :param source: the text of its file
    :param own_name: what its file calls it; how the file is called counts
    """

    template: Template
    origin: Origin
    declares: bool = True
    path: Path | None = None
    by: str = ""
    lines: Mapping[tuple[str, ...], int] = {}
    source: str = ""
    own_name: str = ""

    @property
    def name(self) -> str:
        """What the user calls it."""
        return self.template.name

    @property
    def whose(self) -> str:
        """Whose it is, for people."""
        return whose(self.origin, self.by)

    @cached_property
    def _declared(self) -> frozenset[str]:
        return frozenset(each.name for each in self.template.variables)

    def _is_variable(self, name: str, default: str | None) -> bool:
        """Without declarations, `{name: …}` is code rather than a variable with a default that begins with a space."""
        if self.declares:
            return name in self._declared
        return default is None or default[:1] not in (" ", "\t")

    @cached_property
    def text(self) -> tuple[Segment, ...]:
        """The prompt in segments."""
        return split(self.template.template, self._is_variable)

    @cached_property
    def system(self) -> tuple[Segment, ...]:
        """The system prompt in segments."""
        return split(self.template.system or "", self._is_variable)

    @cached_property
    def variables(self) -> tuple[TemplateVariable, ...]:
        """Its variables, in the order in which they are declared or, without that, in which they first stand."""
        defaults = first_defaults((*self.text, *self.system))
        if self.declares:
            return tuple(_with_default(each, defaults) for each in self.template.variables)
        places = (each for each in (*self.text, *self.system) if isinstance(each, Place))
        names = dict.fromkeys(each.name for each in places)
        return tuple(TemplateVariable(name, name not in defaults, defaults.get(name)) for name in names)

    def lacks(self, values: Mapping[str, str]) -> list[TemplateVariable]:
        """List the variables that need a value and have none."""
        return [each for each in self.variables if each.required and each.name not in values]

    def fill(self, values: Mapping[str, str]) -> tuple[str, str | None]:
        """Return the prompt, and the system prompt, with values in them.

        :raises UsageError: a value is missing, or for no variable
        """
        self.check_names(values)
        lacking = self.lacks(values)
        if lacking:
            raise self.missing(lacking)
        defaults = {each.name: each.default or "" for each in self.variables}

        def value_of(place: Place) -> str:
            if place.name in values:
                return values[place.name]
            return defaults[place.name] if place.default is None else place.default

        system = filled(self.system, value_of) if self.template.system is not None else None
        return filled(self.text, value_of), system

    def check_names(self, values: Mapping[str, str]) -> None:
        """:raises UsageError: a value is for no variable of this template"""
        names = [each.name for each in self.variables]
        for name in values:
            if name not in names:
                known = f"It has {', '.join(names)}." if names else "It has none."
                problem = f"The template '{self.name}' has no variable '{visible(name)}'{nearest(name, names)}"
                raise UsageError(problem, known)

    def missing(self, lacking: Sequence[TemplateVariable], how: str = "") -> UsageError:
        """Return what to say of values that are missing.

        :param how: what stands before a value where the user is, e.g. "--var "
        """
        names = ", ".join(each.name for each in lacking)
        first = lacking[0].name
        remedy = f"Give it as {how}{first}=TEXT, {first}=@FILE or {first}=- for what is piped in."
        return UsageError(f"The template '{self.name}' needs {names}", remedy)

    def not_empty(self, prompt: str) -> str:
        """Return a prompt that was made of it.

        :raises UsageError: there is nothing in it
        """
        if not prompt.strip():
            raise UsageError(f"The template '{self.name}' makes an empty prompt of these values")
        return prompt

    def line(self, key: str, number: int, mark: str = "") -> int:
        """Return the line of the file in which a line of one of its texts stands; without a file, that line.

        :param number: of the line in the text, from 1
        :param mark: what stands there, for texts whose lines are not those of the file
        """
        start = self.lines.get((key,))
        if start is None:
            return number
        lines = self.source.split("\n")
        if lines[start - 1].partition(":")[2].lstrip().startswith("|"):
            return start + number
        after = (at for at in range(start, len(lines) + 1) if mark and mark in lines[at - 1])
        return next(after, start)

    def doubts(self) -> Iterator[str]:
        """Yield what is likely to be a mistake, each with its line."""
        yield from (f"{text}{near}" for text, near in self._undeclared())
        more = sum(1 for _ in self._strays()) - MAX_DOUBTS
        if more > 0:
            yield f"{self.path or self.name}: {more} more are not declared"
        yield from islice(self._unused(), MAX_DOUBTS)
        if self.own_name and self.own_name != self.name:
            yield self._at("name", f"it calls itself {self.own_name!r}, but the name of its file counts: {self.name}")
        if self.template.model and self.template.routing_profile:
            yield self._at("profile", "model and profile exclude each other; the model holds")

    def slips(self) -> Iterator[str]:
        """Yield what looks like a variable whose name is misspelt."""
        return (f"{text}{near}" for text, near in self._undeclared() if near)

    def _undeclared(self) -> Iterator[tuple[str, str]]:
        """Yield what is not declared, and which variable could be meant; no more than people read."""
        names = [each.name for each in self.variables[:MAX_DOUBTS]]
        for key, place in islice(self._strays(), MAX_DOUBTS):
            line = self.line(key, place.line, f"{{{place.name}")
            near = nearest(place.name, names)
            yield f"{self._file()}{line}: {{{place.name}}} is not declared, so it stays as it is", near

    def _strays(self) -> Iterator[tuple[str, Place]]:
        """Yield what has the form of a variable and is not declared, each with the text in which it stands."""
        for key, text in (("template", self.template.template), ("system", self.template.system or "")):
            for place in candidates(text) if self.declares else ():
                if place.name not in self._declared:
                    yield key, place

    def _unused(self) -> Iterator[str]:
        places = [each for each in (*self.text, *self.system) if isinstance(each, Place)]
        used = {each.name for each in places}
        other = {each.name: each.default for each in places if each.default is not None}
        for number, each in enumerate(self.template.variables):
            if each.name not in used:
                yield self._at(("variables", str(number)), f"the variable {each.name} is declared, but not used")
            elif each.required and each.default is not None:
                yield self._at(("variables", str(number)), f"{each.name} is required, so its default is never used")
            elif each.default is not None and other.get(each.name, each.default) != each.default:
                said = f"{each.name} has another default in the text, which holds there: {other[each.name]}"
                yield self._at(("variables", str(number)), said)

    def _at(self, key: str | tuple[str, ...], text: str) -> str:
        path = (key,) if isinstance(key, str) else key
        inside = [line for each, line in self.lines.items() if each[: len(path)] == path]
        line = min(inside) if inside else self.lines.get(path[:1])
        return f"{self._file()}{line}: {text}" if line is not None else text

    def _file(self) -> str:
        return f"{self.path}:" if self.path else "line "


def _with_default(variable: TemplateVariable, defaults: Mapping[str, str]) -> TemplateVariable:
    """Give a variable that declares no default the first that is written for it in the text."""
    if variable.required or variable.default is not None or variable.name not in defaults:
        return variable
    return TemplateVariable(variable.name, False, defaults[variable.name], variable.description)
