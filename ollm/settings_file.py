"""How is a settings file read, and changed without losing comments?

Files may come from strangers: size, depth and number of values are bounded, and whatever is wrong with one
becomes a `SettingsError` that names file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ollm.errors import SettingsError
from ollm.state import file_lock, write_atomically
from ollm.text import visible

MAX_BYTES = 1 << 20
MAX_VALUES = 20_000
MAX_DEPTH = 40
FILE_VERSION = 1

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class SettingsFile:
    """The content of a YAML file.

    :param values: nested mappings, lists and scalars
    :param lines: line number (from 1) of each key, by its path
    """

    path: Path
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def where(self, key: KeyPath) -> str:
        """Return "path:line" of a key, or of the nearest key above it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return f"{self.path}:{self.lines[key[:length]]}"
        return str(self.path)


def read(path: Path) -> SettingsFile:
    """Read a file; one that is not there is empty.

    :raises SettingsError: it cannot be read, is not YAML, or is not a mapping of names to values
    """
    try:
        if not path.exists():
            return SettingsFile(path)
        if path.stat().st_size > MAX_BYTES:
            raise _mistake(path, f"is larger than {MAX_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _mistake(path, f"is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise _mistake(path, f"cannot be read: {error.strerror}") from error
    return parse(path, text)


def parse(path: Path, text: str) -> SettingsFile:
    """Parse YAML text.

    :param path: named in errors
    :raises SettingsError: as in `read`
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


def _yaml() -> Any:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _load(path: Path, text: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return _yaml().load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else path
        problem = getattr(error, "problem", None) or str(error).strip().splitlines()[0]
        raise _mistake(where, f"is not valid YAML: {problem}") from error
    except RecursionError as error:
        raise _mistake(path, "is nested too deeply") from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, NotImplementedError) as error:
        # ruamel.yaml's constructors raise these on tags, dates and numbers that they cannot build.
        raise _mistake(path, f"is not valid YAML: {error}") from error


def _plain(path: Path, node: Any, key: KeyPath, lines: dict[KeyPath, int], count: list[int]) -> Any:
    """Turn ruamel's nodes into plain values, noting lines; an alias bomb ends at MAX_VALUES."""
    count[0] += 1
    if count[0] > MAX_VALUES or len(key) > MAX_DEPTH:
        raise _mistake(path, f"holds more than {MAX_VALUES} values or more than {MAX_DEPTH} levels")
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
    return _scalar(path, node, key)


def _line(node: Any, name: str) -> int | None:
    position = getattr(getattr(node, "lc", None), "data", None)
    return position[name][0] + 1 if position and name in position else None


def _scalar(path: Path, node: Any, key: KeyPath) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    if node is None:
        return None
    raise _mistake(path, f"has a {type(node).__name__} under {'.'.join(key)}, which no setting takes; put it in quotes")


def _check_version(path: Path, values: Mapping[str, Any]) -> None:
    version = values.get("version", FILE_VERSION)
    if version != FILE_VERSION:
        problem = f"says version: {visible(str(version))}, but this ollm reads version {FILE_VERSION}"
        raise _mistake(path, problem, "Upgrade ollm, or set version: 1.")


def _mistake(where: object, problem: str, remedy: str = "") -> SettingsError:
    return SettingsError((f"{where} {visible(problem)}",), remedy)


def change(path: Path, key: KeyPath, value: Any) -> None:
    """Set one value in a file, keeping comments, order and all else; `None` as `value` is YAML's null.

    :raises SettingsError: the file as it is cannot be read
    :raises OllmError: it cannot be written
    """
    with file_lock(path):
        document, comments = _editable(path)
        parent = document
        for name in key[:-1]:
            if not isinstance(parent.get(name), MutableMapping):
                parent[name] = {}
            parent = parent[name]
        parent[key[-1]] = value
        _write(path, document, comments)


def remove(path: Path, key: KeyPath) -> bool:
    """Remove one value from a file, and the parts above it that become empty; False if it was not there.

    :raises SettingsError: the file as it is cannot be read
    :raises OllmError: it cannot be written
    """
    with file_lock(path):
        document, comments = _editable(path)
        trail = list(_trail(document, key))
        if len(trail) < len(key) or key[-1] not in trail[-1]:
            return False
        del trail[-1][key[-1]]
        for parent, name in zip(reversed(trail[:-1]), reversed(key[:-1]), strict=True):
            if not parent[name]:
                del parent[name]
        _write(path, document, comments)
        return True


def _trail(document: Any, key: KeyPath) -> Iterator[Any]:
    node = document
    for name in key:
        if not isinstance(node, MutableMapping):
            return
        yield node
        node = node.get(name)


def _editable(path: Path) -> tuple[Any, str]:
    """Load the document with its comments, after the same checks as for reading.

    A file of nothing but comments has no document to hold them: they are handed back as text.
    """
    from ruamel.yaml.comments import CommentedMap

    read(path)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    document = _load(path, text)
    return (CommentedMap(version=FILE_VERSION), text) if document is None else (document, "")


def _write(path: Path, document: Any, comments: str) -> None:
    import io

    text = io.StringIO()
    _yaml().dump(document, text)
    write_atomically(path, comments + text.getvalue())
