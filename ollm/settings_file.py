"""How is a settings file read, and changed without losing comments?

Files may come from strangers: size, depth and number of values are bounded, and whatever is wrong with one
becomes a `SettingsError` that names file and line.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from ollm.errors import SettingsError
from ollm.settings_model import KeyPath
from ollm.state import file_lock, write_atomically
from ollm.text import visible

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 40
FILE_VERSION = 1

_TOO_MUCH = f"holds more than {MAX_VALUES} values or more than {MAX_DEPTH} levels"


class SettingsFile(Struct, frozen=True):
    """The content of a YAML file.

    :param values: nested mappings, lists and scalars
    :param lines: line number (from 1) of each key, by its path
    """

    path: Path
    values: Mapping[str, Any] = {}
    lines: Mapping[KeyPath, int] = {}

    def where(self, key: KeyPath) -> str:
        """Return "path:line" of a key, or of the nearest key above it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return f"{self.path}:{self.lines[key[:length]]}"
        return str(self.path)


class _Missing:
    """The type of MISSING."""


MISSING = _Missing()


def value_at(values: Any, path: KeyPath) -> Any:
    """Return what stands at a path in nested mappings; MISSING if nothing does."""
    for name in path:
        if not isinstance(values, Mapping) or name not in values:
            return MISSING
        values = values[name]
    return values


def read_settings(path: Path) -> SettingsFile:
    """Read a file; one that is not there is empty.

    :raises SettingsError: it cannot be read, is not YAML, or is not a mapping of names to values
    """
    text = _text(path)
    return parse(path, text) if text else SettingsFile(path)


def _text(path: Path) -> str:
    """Return a file's text with its own line ends; nothing when there is no file."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):  # reading a pipe or a device may never end
            raise _mistake(path, "is a folder, not a file" if stat.S_ISDIR(kind) else "is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise _mistake(path, f"is larger than {MAX_BYTES >> 20} MiB")
        return content.decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise _mistake(path, f"is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise _mistake(path, f"cannot be read: {error.strerror}") from error


def parse(path: Path, text: str) -> SettingsFile:
    """Parse YAML text.

    :param path: named in errors
    :raises SettingsError: as in `read_settings`
    """
    document = _load(path, text)
    if document is None:
        return SettingsFile(path)
    if not isinstance(document, Mapping):
        raise _mistake(path, "does not hold settings of the form `name: value`")
    lines: dict[KeyPath, int] = {}
    values = _plain(path, document, (), lines, [0])
    _check_version(path, values)
    return SettingsFile(path, values, lines)


parse_settings = parse
"""The same, under a name that says what is parsed: `ollm.api` has it for plugins."""


def parse_value(text: str) -> Any:
    """Parse one value as it would stand in a file.

    :raises SettingsError: it is not YAML, or nothing that a setting can hold
    """
    named = Path("the value")
    return _plain(named, _load(named, text), (), {}, [0])


DEEPEST = 100
"""Brackets that may be open at once in one line; nothing that people write comes near, and the parser needs seconds for
a thousand, since it looks back at each of them for each that follows."""


def _refuse_deep(path: Path, text: str) -> None:
    """:raises SettingsError: a line opens more brackets than anybody writes"""
    for number, line in enumerate(text.splitlines(), 1):
        if line.count("[") + line.count("{") <= DEEPEST:
            continue
        depth = 0
        for letter in line:
            depth += (letter in "[{") - (letter in "]}")
            if depth > DEEPEST:
                raise _mistake(f"{path}:{number}", "is nested too deeply")


_UNBUILT = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NotImplementedError, AssertionError)
"""What ruamel.yaml raises on tags, dates and numbers that it cannot build, and on a version that it does not know."""


def _load(path: Path, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    _refuse_deep(path, text)
    try:
        if "&" in text:
            _refuse_endless(path, YAML().parse(text))
        loader = YAML()
        loader.composer.warn_double_anchors = False  # YAML allows them, and the warning would show the file's text
        return loader.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else path
        problem = getattr(error, "problem", None) or str(error).strip().splitlines()[0]
        raise _mistake(where, f"is not valid YAML: {' '.join(problem.split())}") from error
    except RecursionError as error:
        raise _mistake(path, "is nested too deeply") from error
    except _UNBUILT as error:
        raise _mistake(path, f"is not valid YAML: {' '.join(str(error).split())}") from error


def _refuse_endless(path: Path, events: Iterable[Any]) -> None:
    """Refuse an alias inside of what it stands for; ruamel.yaml would read it as null."""
    inside: list[str | None] = []
    for event in events:
        kind = type(event).__name__
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            inside.append(event.anchor)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            inside.pop()
        elif kind == "AliasEvent" and event.anchor in inside:
            raise _mistake(f"{path}:{event.start_mark.line + 1}", _TOO_MUCH)


def _plain(path: Path, node: Any, key: KeyPath, lines: dict[KeyPath, int], count: list[int]) -> Any:
    """Turn ruamel's nodes into plain values, noting lines; an alias bomb ends at MAX_VALUES."""
    count[0] += 1
    if count[0] > MAX_VALUES or len(key) > MAX_DEPTH:
        raise _mistake(path, _TOO_MUCH)
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag:
        where = SettingsFile(path, {}, lines).where(key)
        raise _mistake(where, f"has the tag {tag}, which no setting takes; leave it out")
    if isinstance(node, Mapping):
        plain: dict[str, Any] = {}
        for name, value in node.items():
            if not isinstance(name, str):
                raise _mistake(path, f"has the key {name!r}, which is not a name; put it in quotes")
            line = _line(node, name)
            if line is not None:
                lines[(*key, name)] = line
            plain[name] = _plain(path, value, (*key, name), lines, count)
        return plain
    if isinstance(node, list | tuple):
        return [_plain(path, value, (*key, str(index)), lines, count) for index, value in enumerate(node)]
    return _scalar(SettingsFile(path, {}, lines).where(key), node, key)


def _line(node: Any, name: str) -> int | None:
    position = getattr(getattr(node, "lc", None), "data", None)
    return position[name][0] + 1 if position and name in position else None


def _scalar(where: str, node: Any, key: KeyPath) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if node is None:
        return None
    raise _mistake(
        where, f"has a {type(node).__name__} under {'.'.join(key)}, which no setting takes; put it in quotes"
    )


def _check_version(path: Path, values: Mapping[str, Any]) -> None:
    version = values.get("version", FILE_VERSION)
    if version != FILE_VERSION:
        problem = f"says version: {visible(str(version))}, but this ollm reads version {FILE_VERSION}"
        raise _mistake(path, problem, "Upgrade ollm, or set version: 1.")


def _mistake(where: object, problem: str, remedy: str = "") -> SettingsError:
    return SettingsError((f"{where} {visible(problem)}",), remedy)


def change_setting(path: Path, key: KeyPath, value: Any) -> None:
    """Set one value in a file, keeping comments, order and all else; `None` as `value` is YAML's null.

    :raises SettingsError: the file as it is cannot be read
    :raises OllmError: it cannot be written
    """
    update_setting(path, key, lambda _: value)


def update_setting(path: Path, key: KeyPath, new: Callable[[Any], Any]) -> None:
    """Set one value in a file to what a function makes of the former one, while the file is locked.

    :param new: gets the plain value, `None` when there is none
    :raises SettingsError: the file as it is cannot be read
    :raises OllmError: it cannot be written
    """
    from ollm import yaml_edit

    with file_lock(path):
        text = _text(path)
        values = dict(parse(path, text).values)
        value = new(yaml_edit.get(values, key))
        if not values:
            values["version"] = FILE_VERSION
            text = _begun(path, text)
        yaml_edit.put(values, key, value)
        write_atomically(path, yaml_edit.with_value(text, key, value, lambda edited: _means(path, edited, values)))


def _begun(path: Path, text: str) -> str:
    """Put a version behind what holds no settings yet, but perhaps comments."""
    version = f"version: {FILE_VERSION}\n"
    begun = f"{text.rstrip()}\n{version}" if text.strip() else version
    return begun if _means(path, begun, {"version": FILE_VERSION}) else version


def remove_setting(path: Path, key: KeyPath) -> bool:
    """Remove one value from a file, and the parts above it that become empty; False if it was not there.

    :raises SettingsError: the file as it is cannot be read
    :raises OllmError: it cannot be written
    """
    from ollm import yaml_edit

    with file_lock(path):
        text = _text(path)
        values = dict(parse(path, text).values)
        if not yaml_edit.prune(values, key):
            return False
        write_atomically(path, yaml_edit.without(text, key, lambda edited: _means(path, edited, values)))
        return True


def _means(path: Path, text: str, values: Mapping[str, Any]) -> bool:
    """Whether a text that was edited says what it should."""
    try:
        return parse(path, text).values == values
    except SettingsError:
        return False
