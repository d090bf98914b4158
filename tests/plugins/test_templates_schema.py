"""Which slips in a JSON Schema are found before it is sent?"""

import pytest
from ollm_plugins.templates.schema import slips

SOUND = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": ["object", "null"],
    "title": "A person",
    "properties": {
        "type": {"type": "string", "enum": ["a", None], "pattern": "^a", "minLength": 1.0},
        "required": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 0},
        "pair": {"items": [{"type": "integer", "minimum": -1.5}, True]},
        "any": {"anyOf": [{"type": "null"}, {"not": {"const": None}}]},
        "more": True,
    },
    "required": ["type"],
    "additionalProperties": False,
    "$defs": {"part": {"x-own": object()}},
}


def test_what_is_sound_has_none():
    assert list(slips(SOUND)) == []


@pytest.mark.parametrize(
    ("schema", "slip"),
    [
        ({"type": "bogus"}, ("type", 'there is no type "bogus"')),
        ({"type": "objekt"}, ("type", 'there is no type "objekt"; did you mean object?')),
        ({"type": ["string", "x"]}, ("type", 'there is no type "x"')),
        ({"type": None}, ("type", "null stands in quotes here: 'null'")),
        ({"type": ["string", None]}, ("type", "null stands in quotes here: 'null'")),
        ({"type": []}, ("type", "there is no type []")),
        ({"type": {"a": 1}}, ("type", 'there is no type {"a": 1}')),
        (
            {"properties": {"a": {"type": "int"}}},
            ("properties.a.type", 'there is no type "int"; did you mean integer?'),
        ),
        ({"properties": ["a"]}, ("properties", 'expected names with schemas, got ["a"]')),
        ({"properties": {"a": "string"}}, ("properties.a", 'expected a schema, got "string"')),
        ({"items": {"type": 5}}, ("items.type", "there is no type 5")),
        ({"items": [{"type": 5}]}, ("items.0.type", "there is no type 5")),
        ({"items": "string"}, ("items", 'expected a schema, got "string"')),
        ({"anyOf": []}, ("anyOf", "expected a list of schemas, got []")),
        ({"anyOf": [{"type": "x"}]}, ("anyOf.0.type", 'there is no type "x"')),
        ({"additionalProperties": "no"}, ("additionalProperties", 'expected a schema, got "no"')),
        ({"required": "a"}, ("required", 'expected a list of names, got "a"')),
        ({"required": True}, ("required", "expected a list of names, got true")),
        ({"enum": "a"}, ("enum", 'expected a list, got "a"')),
        ({"maxLength": -1}, ("maxLength", "expected a whole number from 0 on, got -1")),
        ({"maxLength": float("inf")}, ("maxLength", "expected a whole number from 0 on, got Infinity")),
        ({"minimum": True}, ("minimum", "expected a number, got true")),
        ({"pattern": 5}, ("pattern", "expected text, got 5")),
        ({"pattern": ["x" * 100]}, ("pattern", f'expected text, got ["{"x" * 37}…')),
    ],
)
def test_a_slip_is_found_with_its_place(schema, slip):
    ((at, problem),) = slips(schema)
    assert (".".join(at), problem) == slip
