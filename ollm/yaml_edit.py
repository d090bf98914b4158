"""How is one value changed in YAML text, with every other byte left as it is?

The text is cut where the parser says that a value stands. Whoever asks says whether the new text is right;
if it is not, or the text is laid out in a way that is not known here, ruamel.yaml writes it all anew: that
keeps comments and order, but not indentation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from typing import Any

from msgspec import Struct

KeyPath = tuple[str, ...]

_BREAKS = frozenset("\x85\u2028\u2029\ufeff")
"""Characters that YAML takes for the end of a line, or drops, unless they are escaped."""


def with_value(text: str, key: KeyPath, value: Any, is_right: Callable[[str], bool]) -> str:
    """Return the text with a value set."""
    edited = _with_value(text, key, value)
    return edited if edited is not None and is_right(edited) else _rewritten(text, lambda node: put(node, key, value))


def without(text: str, key: KeyPath, is_right: Callable[[str], bool]) -> str:
    """Return the text without a value, and without the parts above it that become empty."""
    edited = _without(text, key)
    return edited if edited is not None and is_right(edited) else _rewritten(text, lambda node: prune(node, key))


def prune(values: MutableMapping[str, Any], key: KeyPath) -> bool:
    """Take out a value and the parts above it that become empty; False if it was not there."""
    name, *rest = key
    if name not in values or (rest and not isinstance(values[name], MutableMapping)):
        return False
    if rest and not prune(values[name], tuple(rest)):
        return False
    if not rest or not values[name]:
        del values[name]
    return True


def get(values: Any, key: KeyPath) -> Any:
    """Return a value, None when it is not there."""
    for name in key:
        values = values.get(name) if isinstance(values, MutableMapping) else None
    return values


def put(values: MutableMapping[str, Any], key: KeyPath, value: Any) -> None:
    """Set a value, making the parts above it."""
    for name in key[:-1]:
        if not isinstance(values.get(name), MutableMapping):
            values[name] = {}
        values = values[name]
    values[key[-1]] = value


def _rewritten(text: str, edit: Callable[[Any], object]) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    document = yaml.load(text)
    edit(document)
    written = io.StringIO()
    yaml.dump(document, written)
    return written.getvalue()


def _with_value(text: str, key: KeyPath, value: Any) -> str | None:
    found = _find(text, key)
    if found is None:
        return None
    if found.missing and found.is_open:
        return _inserted(text, found, value)
    for each in reversed(found.missing):
        value = {each: value}
    name, old = found.pairs[-1]
    start, end = old.start_mark.index, old.end_mark.index
    if isinstance(value, list) and _is_block(old) and not _is_mapping(old):
        edited = _listed(text, old, value)
        if edited is not None:
            return edited
    if start == end or _is_block(old) or _is_literal(old):
        colon = text.index(":", name.end_mark.index) + 1
        rest = colon if start == end else _end(text, old)
        return f"{text[:colon]} {_flow(value)}{text[rest:]}"
    return text[:start] + _flow(value) + text[end:]


def _without(text: str, key: KeyPath) -> str | None:
    found = _find(text, key)
    if found is None or found.missing:
        return None
    depth = len(key) - 1
    while depth and len(found.mappings[depth].value) == 1:
        depth -= 1
    name, value = found.pairs[depth]
    if found.mappings[depth].flow_style:
        return _without_in_braces(text, found.mappings[depth], name)
    start = _line_start(text, name.start_mark.index)
    if text[start : name.start_mark.index].strip():
        return None
    return text[:start] + text[_line_end(text, _end(text, value)) :]


class _Found(Struct):
    """How far a key leads.

    :param mappings: the ones it passes, from the root
    :param pairs: the name and value taken in each
    :param missing: the rest of the key, which is not there
    :param hollow: the last name taken, if no value stands behind it
    :param is_open: whether the last name taken leads to a place where more can be put
    """

    mappings: list[Any]
    pairs: list[tuple[Any, Any]]
    missing: KeyPath
    hollow: Any = None
    is_open: bool = True

    @property
    def step(self) -> int:
        """How deep the text indents a part."""
        root = self.mappings[0]
        nested = [_column(value) for _, value in root.value if _is_mapping(value) and _is_block(value)]
        return nested[0] - _column(root) if nested else 2


def _find(text: str, key: KeyPath) -> _Found | None:
    from ruamel.yaml import YAML

    root = YAML().compose(text)
    if root is None or not _is_mapping(root):
        return None
    found = _Found([root], [], key)
    while True:
        pair = next((each for each in found.mappings[-1].value if each[0].value == found.missing[0]), None)
        if pair is None:
            return found
        found.pairs.append(pair)
        found.missing = found.missing[1:]
        if not found.missing:
            return found
        if not _is_mapping(pair[1]):
            found.is_open = pair[1].start_mark.index == pair[1].end_mark.index
            found.hollow = pair[0]
            return found
        found.mappings.append(pair[1])


def _inserted(text: str, found: _Found, value: Any) -> str | None:
    parent, newline = found.mappings[-1], "\r\n" if "\r\n" in text else "\n"
    if found.hollow is not None:
        column, anchor = _column(found.hollow) + found.step, found.hollow.end_mark.index
    elif parent.flow_style:
        return _inserted_in_braces(text, parent, found.missing, value)
    else:
        column, anchor = _column(parent.value[0][0]), _end(text, parent)
    *above, last = found.missing
    lines = [" " * (column + found.step * depth) + f"{_name(name)}:" for depth, name in enumerate(above)]
    lines.append(" " * (column + found.step * len(above)) + f"{_name(last)}: {_flow(value)}")
    end = _line_end(text, anchor)
    before = text[:end] if text[:end].endswith("\n") else text[:end] + newline
    return before + newline.join(lines) + newline + text[end:]


def _inserted_in_braces(text: str, parent: Any, missing: KeyPath, value: Any) -> str:
    for name in reversed(missing[1:]):
        value = {name: value}
    end = parent.end_mark.index - 1
    comma = ", " if parent.value else ""
    return f"{text[:end].rstrip()}{comma}{_name(missing[0])}: {_flow(value)}{text[end:]}"


def _without_in_braces(text: str, parent: Any, name: Any) -> str:
    """Take a pair out of `{…}`, with the comma behind it, or the one before it if it is the last."""
    names = [each for each, _ in parent.value]
    place = names.index(name)
    if place + 1 < len(names):
        return text[: name.start_mark.index] + text[names[place + 1].start_mark.index :]
    start = parent.value[place - 1][1].end_mark.index if place else parent.start_mark.index + 1
    return text[:start] + text[parent.end_mark.index - 1 :]


def _listed(text: str, old: Any, value: list[Any]) -> str | None:
    """Change a list with an item a line by adding items at its end, or by taking lines out; else None."""
    items = [_meant(each) for each in old.value]
    if value[: len(items)] == items:
        newline = "\r\n" if "\r\n" in text else "\n"
        end = _line_end(text, _end(text, old))
        lead = " " * _column(old) + "- "
        before = text[:end] if text[:end].endswith("\n") else text[:end] + newline
        return before + "".join(f"{lead}{_flow(item)}{newline}" for item in value[len(items) :]) + text[end:]
    if not value or value != [item for item in items if item in value]:
        return None
    for each in reversed([each for each in old.value if _meant(each) not in value]):
        start = _line_start(text, each.start_mark.index)
        text = text[:start] + text[_line_end(text, _end(text, each)) :]
    return text


def _meant(node: Any) -> Any:
    """Return what a node holds, its scalars as text."""
    if _is_mapping(node):
        return {name.value: _meant(value) for name, value in node.value}
    return [_meant(each) for each in node.value] if isinstance(node.value, list) else node.value


def _column(node: Any) -> int:
    column: int = node.start_mark.column
    return column


def _is_mapping(node: Any) -> bool:
    return type(node).__name__ == "MappingNode"


def _is_block(node: Any) -> bool:
    return isinstance(node.value, list) and not node.flow_style


def _is_literal(node: Any) -> bool:
    return getattr(node, "style", None) in ("|", ">")


def _end(text: str, node: Any) -> int:
    """Where a node's last character stands; the parser counts the comments after a block as part of it."""
    while _is_block(node) and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.index
    start: int = node.start_mark.index
    return start + len(text[start:end].rstrip()) if _is_literal(node) else end


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """The index after the line feed that ends a line."""
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def _flow(value: Any) -> str:
    """Write a value in one line."""
    return _dump({"k": value})[len("{k: ") : -1]


def _name(name: str) -> str:
    return _dump({name: 0})[1 : -len(": 0}")]


def _dump(value: Any) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width = True, 1 << 30
    yaml.allow_unicode = not _BREAKS & set(json.dumps(value, ensure_ascii=False))
    yaml.representer.sort_base_mapping_type_on_output = False
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue().strip()
