"""Does a value fit its setting, and what schema describes all settings? The only module that asks pydantic."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic import Field as Bounds

from ollm.settings import camel

if TYPE_CHECKING:
    from ollm.settings import Candidate, Field, Section

_CONFIG = ConfigDict(alias_generator=camel, extra="forbid", allow_inf_nan=False)


def check(field: Field, candidate: Candidate) -> tuple[str, Any]:
    """Return what is wrong with a value, or an empty string and the value in its declared type.

    YAML values must be of the right type ("1" is no number); variables are text and are read as such.
    """
    adapter = _adapter(field)
    try:
        if candidate.layer == "environment":
            return "", _from_text(adapter, candidate.raw)
        return "", adapter.validate_json(json.dumps(candidate.raw), strict=True)
    except ValidationError as error:
        return "; ".join(_words(each) for each in _relevant(error)), None


def _adapter(field: Field) -> TypeAdapter[Any]:
    said = field.setting
    bounds = Bounds(description=said.help, ge=said.ge, gt=said.gt, le=said.le)
    hint: Any = Annotated[field.hint, bounds]
    return TypeAdapter(hint, config=_CONFIG)


def _from_text(adapter: TypeAdapter[Any], text: str) -> Any:
    """Read a variable: as a scalar, or as a comma-separated list or JSON where the type is a collection."""
    schema = adapter.json_schema()
    kinds = {each.get("type") for each in (schema, *schema.get("anyOf", ()))}
    if kinds & {"array", "object"}:
        listed = text.lstrip().startswith(("[", "{"))
        return adapter.validate_json(text) if listed else adapter.validate_python(_split(text))
    return adapter.validate_strings(text)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _relevant(error: ValidationError) -> Sequence[Any]:
    """For an optional value the complaint that null was not given is noise."""
    details = error.errors(include_url=False, include_context=False)
    return [each for each in details if each["type"] != "none_required"] or details


def _words(detail: Any) -> str:
    inner = ".".join(str(part) for part in detail["loc"] if isinstance(part, int) or part.isidentifier())
    said = str(detail["msg"])
    said = said[0].lower() + said[1:]
    return f"{inner}: {said}" if inner and inner not in ("float", "int", "str", "bool") else said


def settings_schema(sections: Sequence[Section]) -> dict[str, Any]:
    """Return the JSON Schema of a settings file, with descriptions and defaults."""
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
            described = _adapter(field).json_schema(ref_template="#/$defs/{model}")
            definitions.update(described.pop("$defs", {}))
            node["properties"][camel(field.attribute)] = {**described, "default": _json(field.default)}
    if definitions:
        root["$defs"] = definitions
    return root


def _object(description: str) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": False, "properties": {}}


def _json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
