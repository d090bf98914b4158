"""Which JSON Schema describes the settings file? Editors use it to complete and to check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ollm.output import to_document
from ollm.settings_check import bounded
from ollm.settings_model import Section, camel


def settings_schema(sections: Sequence[Section]) -> dict[str, Any]:
    """Return the schema, with descriptions and defaults."""
    root = _object("Settings of ollm")
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    root["properties"]["version"] = {"const": 1, "description": "Version of this file's format."}
    definitions: dict[str, Any] = {}
    for section in sections:
        node = root
        for name in section.path:
            node = node["properties"].setdefault(name, _object(""))
        node["description"] = (section.model.__doc__ or "").strip().splitlines()[0]
        for field in section.fields:
            (described,), inner = msgspec.json.schema_components([bounded(field)], ref_template="#/$defs/{name}")
            definitions.update(inner)
            said = {"description": field.setting.help, "default": to_document(field.default)}
            node["properties"][camel(field.attribute)] = {**described, **said}
    if definitions:
        root["$defs"] = definitions
    return root


def _object(description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": False, "properties": {}}
