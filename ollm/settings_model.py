"""How is a setting declared?

A section is a frozen dataclass, or a frozen msgspec Struct, with a default for each field. What else is to be said of a field, its help,
range, variables and flags, stands in the `Setting` of its annotation: one definition from which settings,
options of the command line, JSON Schema and docs are made.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from functools import cache, cached_property
from inspect import get_annotations
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import NODEFAULT, Struct, structs

from ollm.contribution import resolve
from ollm.contributions import Setting, SettingsSection
from ollm.errors import UsageError
from ollm.sections import ChatSettings, ModelSettings, PluginsSettings
from ollm.text import visible

KeyPath = tuple[str, ...]
LayerName = Literal["default", "borrowed", "user", "plugin", "environment", "flag", "session"]
_LAYERS = get_args(LayerName)
ANY = "*"
"""In the path of a section: whatever name the user gives."""


def rank_of(layer: LayerName) -> int:
    """Return the strength of a layer; a higher one beats a lower one."""
    return _LAYERS.index(layer)


_PLAIN_WORD = re.compile(r"""[^."']+""")
_WORD = re.compile(r"""(?:"([^"]*)"|'([^']*)'|([^."']+))(\.|$)""")


def path_of(key: str) -> KeyPath:
    """Return the words of a key; one that holds a dot stands in quotes: models."llama3.1:8b".options.seed.

    :raises UsageError: a quote is not closed, or there is nothing between two dots
    """
    words, position, dot = [], 0, "."
    while dot:
        found = _WORD.match(key, position)
        if found is None or not any(found.groups()[:3]):
            remedy = 'Join words by dots, and quote a word that holds one: models."llama3.1:8b".options.seed.'
            raise UsageError(f"{visible(key)!r} is not the name of a setting", remedy)
        words.append(found[1] or found[2] or found[3])
        position, dot = found.end(), found[4]
    return tuple(words)


def key_of(path: KeyPath) -> str:
    """Return a path as a key; the opposite of `path_of`."""
    return ".".join(word if _PLAIN_WORD.fullmatch(word) else f'"{word}"' for word in path)


def camel(name: str) -> str:
    """Return the YAML name of a Python name: max_tokens → maxTokens. The only place that knows."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Field(Struct, frozen=True, dict=True):
    """One setting.

    :param entry: the name that stands for the `*` in its section; empty where there is none, or no name yet
    """

    section: str
    attribute: str
    hint: Any
    default: Any
    entry: str = ""

    @cached_property
    def key(self) -> str:
        """The dotted path in the YAML file."""
        return key_of(self.path)

    @cached_property
    def path(self) -> KeyPath:
        """The key's parts."""
        parts = (*self.section.split("."), camel(self.attribute))
        return tuple(self.entry or ANY if part == ANY else part for part in parts)

    @property
    def is_open(self) -> bool:
        """Whether it stands for as many settings as the user gives names."""
        return not self.entry and not self.is_single

    @property
    def is_single(self) -> bool:
        """Whether its section has no `*`: only then may variables and flags set it."""
        return ANY not in self.section.split(".")

    @property
    def is_switch(self) -> bool:
        """Whether it is true or false and nothing else."""
        return self._kinds - {NoneType} == {bool}

    @property
    def may_stand_alone(self) -> bool:
        """Whether its flag needs no value, which then is true, although it takes others."""
        return bool in self._kinds and not self.is_switch

    @property
    def _kinds(self) -> set[Any]:
        return set(get_args(self.type) or (self.type,))

    def at(self, path: KeyPath) -> Field | None:
        """Return the setting that a path means, if this is it, or stands for it."""
        if len(path) != len(self.path) or any(
            mine not in (ANY, name) for mine, name in zip(self.path, path, strict=True)
        ):
            return None
        return structs.replace(self, entry=path[self.path.index(ANY)]) if self.is_open else self

    def joined(self, path: KeyPath) -> KeyPath:
        """Return a path with those of its words put together that can only be the one name for the `*`."""
        more = len(path) - len(self.path)
        if more <= 0 or not self.is_open:
            return path
        star = self.path.index(ANY)
        return (*path[:star], ".".join(path[star : star + more + 1]), *path[star + more + 1 :])

    @cached_property
    def setting(self) -> Setting:
        """What the plugin says of it."""
        found = [each for each in getattr(self.hint, "__metadata__", ()) if isinstance(each, Setting)]
        return found[0] if found else Setting("")

    @property
    def type(self) -> Any:
        """The declared type without metadata."""
        return get_args(self.hint)[0] if get_origin(self.hint) is Annotated else self.hint


class Candidate(Struct, frozen=True):
    """A value that some layer gives to a setting.

    :param where: file and line, variable or flag
    """

    layer: LayerName
    where: str
    raw: Any

    @property
    def rank(self) -> int:
        """The strength of its layer: of two candidates, the one with the higher rank holds."""
        return rank_of(self.layer)

    @property
    def is_of_this_run(self) -> bool:
        """Whether the user has said it for this run: in a variable, with a flag, or in a session."""
        return self.rank >= rank_of("environment")


class Section:
    """A settings section whose dataclass has been imported."""

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self.model = model
        self.path: KeyPath = tuple(name.split("."))
        self.fields = tuple(Field(name, *declared) for declared in _declared(model))

    @property
    def heading(self) -> str:
        """What its settings are about, in few words."""
        return re.split(r"[;:.\n]", (self.model.__doc__ or "").strip())[0]


@cache
def section_of(name: str, model: Any) -> Section:
    """Return a section, which is looked into several times at each start, from the one look that it takes."""
    return Section(name, model)


_FLAG = re.compile(r"--[a-z][a-z0-9-]*|-[A-Za-z]")
_BEFORE_COMMANDS = ("--prompt", "-p", "--output", "-o", "--color", "--no-color", "--strict-plugins", "--version")
PROGRAM_FLAGS = (*_BEFORE_COMMANDS, "--help", "-h", "--install-completion", "--show-completion")
"""Options of the `ollm` command that no setting may take."""

KERNEL_SECTIONS = (
    SettingsSection("model", ModelSettings),
    SettingsSection("chat", ChatSettings),
    SettingsSection("plugins", PluginsSettings),
)


def section_mistake(section: SettingsSection) -> str:
    """Return what is wrong with a plugin's section, or an empty string.

    :raises ImportError: its module cannot be imported
    :raises AttributeError: its module has no such class
    """
    if section.name in {each.name for each in KERNEL_SECTIONS}:
        return f"the section '{section.name}' is the kernel's own"
    model = resolve(section.model)
    if not (dataclasses.is_dataclass(model) or _is_struct(model)):
        return f"{getattr(model, '__qualname__', model)} is not a dataclass"
    fields = section_of(section.name, model).fields
    bare = [field.attribute for field in fields if field.default is dataclasses.MISSING]
    if bare:
        return f"these fields have no default: {', '.join(bare)}"
    strange = [field.attribute for field in fields if not _is_known(field.type)]
    if strange:
        return f"these fields have a type that YAML cannot hold: {', '.join(strange)}"
    odd = [repr(flag) for field in fields for flag in field.setting.flags if not _FLAG.fullmatch(flag)]
    return f"these flags are not of the form --word or -x: {', '.join(odd)}" if odd else ""


_KNOWN = (str, int, float, bool, NoneType, Any, Ellipsis)


def _is_known(declared: Any) -> bool:
    """Whether values of a type can stand in a settings file."""
    if get_origin(declared) is Literal:
        return True
    parts = get_args(declared)
    if parts:
        return all(_is_known(part) for part in parts)
    return declared in _KNOWN or (isinstance(declared, type) and issubclass(declared, Struct | tuple | list | dict))


def flags_of(section: SettingsSection) -> list[str]:
    """List the options of the `ollm` command that a sound section brings."""
    if ANY in section.name:
        return []
    fields = section_of(section.name, resolve(section.model)).fields
    return [flag for field in fields for flag in field.setting.flags]


def _is_struct(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, Struct)


def _declared(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, annotation and default of each field; the default is MISSING where there is none."""
    if _is_struct(model):
        hints = {name: hint for each in reversed(model.__mro__) for name, hint in get_annotations(each).items()}
        defaults = dict(zip(reversed(model.__struct_fields__), reversed(model.__struct_defaults__), strict=False))
        for name in model.__struct_fields__:
            default = defaults.get(name, NODEFAULT)
            made = default.factory() if hasattr(default, "factory") else default
            yield (
                name,
                _hint(model, name, hints[name]),
                dataclasses.MISSING if made is NODEFAULT else made,
            )
        return
    for each in dataclasses.fields(model):
        made = each.default if each.default_factory is dataclasses.MISSING else each.default_factory()
        yield each.name, _hint(model, each.name, each.type), made


def _hint(model: type[Any], name: str, declared: Any) -> Any:
    """Annotations are strings where a plugin's module postpones them."""
    if not isinstance(declared, str):
        return declared
    from typing import get_type_hints

    return get_type_hints(model, include_extras=True)[name]
