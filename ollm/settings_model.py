"""How is a setting declared?

A section is a frozen dataclass with a default for each field. What else is to be said of a field, its help,
range, variables and flags, stands in the `Setting` of its annotation: one definition from which settings,
options of the command line, JSON Schema and docs are made.
"""

from __future__ import annotations

import dataclasses
import re
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from msgspec import Struct

from ollm.contribution import resolve
from ollm.contributions import Setting, SettingsSection
from ollm.sections import ChatSettings, ModelSettings, PluginsSettings

KeyPath = tuple[str, ...]
LayerName = Literal["default", "borrowed", "user", "plugin", "environment", "flag", "session"]


def camel(name: str) -> str:
    """Return the YAML name of a Python name: max_tokens → maxTokens. The only place that knows."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Field(Struct, frozen=True, dict=True):
    """One setting."""

    section: str
    attribute: str
    hint: Any
    default: Any

    @property
    def key(self) -> str:
        """The dotted path in the YAML file."""
        return f"{self.section}.{camel(self.attribute)}"

    @property
    def path(self) -> KeyPath:
        """The key's parts."""
        return tuple(self.key.split("."))

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


class Section:
    """A settings section whose dataclass has been imported."""

    def __init__(self, name: str, model: Any) -> None:
        self.name = name
        self.model = model
        self.path: KeyPath = tuple(name.split("."))
        self.fields = tuple(
            Field(name, each.name, _hint(model, each), _default(each)) for each in dataclasses.fields(model)
        )


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
    if not dataclasses.is_dataclass(model):
        return f"{getattr(model, '__qualname__', model)} is not a dataclass"
    fields = Section(section.name, model).fields
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
    fields = Section(section.name, resolve(section.model)).fields
    return [flag for field in fields for flag in field.setting.flags]


def _hint(model: type[Any], field: dataclasses.Field[Any]) -> Any:
    """Annotations are strings where a plugin's module postpones them."""
    if not isinstance(field.type, str):
        return field.type
    from typing import get_type_hints

    return get_type_hints(model, include_extras=True)[field.name]


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
