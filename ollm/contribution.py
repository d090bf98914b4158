"""What do all contributions share?

A name, and a look for mistakes when they are collected: a wrong one would fail far from its plugin.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Any, ClassVar, TypeAlias, TypeVar

from msgspec import Struct

from ollm.text import visible

T = TypeVar("T")
Ref: TypeAlias = T | str
"""An object, or a reference to it such as "package.module:attribute"."""

_PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, NoneType),
    "int": (int,),
    "int | None": (int, NoneType),
    "bool": (bool,),
    "tuple[str, ...]": (tuple, list),
    "tuple[Surface, ...]": (tuple, list),
    "tuple[TemplateVariable, ...]": (tuple, list),
    "Mapping[str, Any]": (Mapping,),
    "Mapping[str, int]": (Mapping,),
}
"""What is checked of a contribution's fields, by their annotations; a wrong one would fail far from its plugin."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
WORDS = re.compile(rf"{_NAME.pattern}( {_NAME.pattern})*")
"""What the name of a command must match."""
PATH = re.compile(r"[a-z]\w*(\.[a-z]\w*)*(\.\*(\.[a-z]\w*)*)?")
"""What the name of a settings section must match; one `*` stands for names that the user gives."""
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def resolve(ref: Ref[T]) -> T:
    """Return what a reference names, importing its module; anything but a string is returned as it is.

    :raises ImportError: the module cannot be imported
    :raises AttributeError: the module has no such attribute
    """
    if not isinstance(ref, str):
        return ref
    import importlib

    module, _, attribute = ref.partition(":")
    target: Any = importlib.import_module(module)
    for part in attribute.split("."):
        target = getattr(target, part)
    return target  # type: ignore[no-any-return]  # the caller's annotation is the contract


@cache
def _plain_fields(kind: type[Contribution]) -> Sequence[tuple[str, str]]:
    """Return name and annotation of the fields that hold plain data."""
    hints = {name: hint for each in kind.__mro__ for name, hint in inspect.get_annotations(each).items()}
    return [(name, hints[name]) for name in kind.__struct_fields__ if name != "name" and hints[name] in _PLAIN]


def fits(value: object, hint: str) -> bool:
    """Say whether a value is what an annotation, one of those that are checked, asks for."""
    if hint == "tuple[str, ...]" and isinstance(value, tuple | list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, _PLAIN[hint])


class Contribution(Struct, frozen=True):
    """What all contributions share: a name that is unique among its kind."""

    references: ClassVar[tuple[str, ...]] = ()
    """The fields that hold a `Ref` to something callable."""

    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The words that a field, or each part of it, may be."""

    name_form: ClassVar[tuple[re.Pattern[str], str]] = (_NAME, "lower-case letters, digits and _ . -")
    """What a name must match, and how to say so."""

    name: str

    def mistakes(self) -> Iterator[str]:
        """Yield what is wrong with this contribution, in words; nothing when it is sound."""
        pattern, said = self.name_form
        if not isinstance(self.name, str) or not pattern.fullmatch(self.name):
            yield f"its name {self.name!r} is not {said}"
        for attribute, hint in _plain_fields(type(self)):
            value = getattr(self, attribute)
            if not fits(value, hint):
                yield f"{attribute} is a {type(value).__name__}, not {hint}"
            elif isinstance(value, str) and visible(value) != value:
                yield f"{attribute} holds control characters"
        yield from self._wrong_choices()
        yield from self._wrong_references()

    def _wrong_choices(self) -> Iterator[str]:
        for attribute, allowed in self.choices.items():
            value = getattr(self, attribute)
            for word in value if isinstance(value, tuple) else (value,):
                if word not in allowed:
                    yield f"{attribute} {word!r} is none of {', '.join(allowed)}"

    def _wrong_references(self) -> Iterator[str]:
        for attribute in self.references:
            value = getattr(self, attribute)
            if isinstance(value, str) and not _REFERENCE.fullmatch(value):
                yield f"{attribute} {value!r} is not of the form 'package.module:attribute'"
            elif value is not None and not isinstance(value, str) and not callable(value):
                yield f"{attribute} is a {type(value).__name__}, not something callable or a reference"
