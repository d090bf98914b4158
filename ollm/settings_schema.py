"""Which JSON Schema describes the settings file? Editors use it to complete and to check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ollm.output import to_document
from ollm.settings_check import bounded
from ollm.settings_model import ANY, KeyPath, Section, camel


def settings_schema(sections: Sequence[Section]) -> dict[str, Any]:
    """Return the schema, with descriptions and defaults."""
    root = _object("Settings of ollm")
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["properties"]["version"] = {"const": 1, "description": "Version of this file's format."}
    definitions: dict[str, Any] = {}
    for section in sorted(sections, key=lambda each: ANY in each.path):  # those with a `*` need the others' nodes
        for node in _nodes(root, section.path):
            node["description"] = (section.model.__doc__ or "").strip().splitlines()[0]
            for field in section.fields:
                (described,), inner = msgspec.json.schema_components([bounded(field)], ref_template="#/$defs/{name}")
                definitions.update(inner)
                said = {"description": field.setting.help, "default": to_document(field.default)}
                node["properties"][camel(field.attribute)] = {**described, **said}
    if definitions:
        root["$defs"] = definitions
    return root


def _nodes(node: dict[str, Any], path: KeyPath) -> list[dict[str, Any]]:
    """Return the objects at a path, made if need be; a `*` is every object that is there, and any other name."""
    for number, name in enumerate(path):
        if name == ANY:
            node["additionalProperties"] = node["additionalProperties"] or _object("")
            named = [each for each in node["properties"].values() if "properties" in each]
            below = path[number + 1 :]
            return [found for each in (*named, node["additionalProperties"]) for found in _nodes(each, below)]
        node = node["properties"].setdefault(name, _object(""))
    return [node]


def _object(description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": False, "properties": {}}
