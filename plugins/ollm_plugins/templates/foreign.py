"""What do templates of other programs become here: patterns of Fabric, templates of `llm`?

Fabric has a folder for each pattern, whose `system.md` (and sometimes `user.md`) holds `{{input}}` and `{{name}}`. `llm` has
a YAML file, whose `prompt` and `system` hold `$input`, `$name` or `${name}`, and `$$` for a dollar.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from ollm.api import SettingsReader, Template, TemplateVariable, camel
from ollm_plugins.templates.options import option_mistakes
from ollm_plugins.templates.schema import slips
from ollm_plugins.templates.text import Place, Segment, joined

INPUT = "input"
_FABRIC = re.compile(r"\{\{\s*([A-Za-z_][\w.-]*)\s*\}\}")
_FABRIC_ELSE = re.compile(r"\{\{\s*([a-z]+:[^{}\n]{0,60})[^{}]*\}\}")
_LLM = re.compile(r"\$(?:(\$)|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_LLM_LEFT = {
    "extract": "taking the first block of code out of the answer",
    "extract_last": "taking the last block of code out of the answer",
    "fragments": "fragments",
    "system_fragments": "fragments of the system prompt",
    "attachments": "attachments",
    "attachment_types": "attachments",
    "tools": "tools",
    "functions": "functions in Python, which are never run here",
}


class Converted(Struct, frozen=True):
    """What became of a template.

    :param lost: what could not be carried over, in words
    """

    template: Template
    lost: tuple[str, ...] = ()


def of_fabric(name: str, system: str, user: str, description: str = "") -> Converted:
    """Return what a pattern of Fabric becomes; what the user gives stands in the prompt, the pattern above it."""
    parts = [_pieces(text, _FABRIC, lambda found: found[1]) for text in (system, user)]
    names = _names(parts)
    if not _uses_input(parts):
        between = "" if not user.strip() else "\n" if user.endswith("\n") else "\n\n"
        parts[1] = [*parts[1], between, Place(INPUT)]
    elif not user.strip():  # the pattern says where the input goes, so that all of it is the prompt
        parts = [[], parts[0]]
    variables = _variables(names, {})
    left = dict.fromkeys(found[1].strip() for text in (system, user) for found in _FABRIC_ELSE.finditer(text))
    lost = tuple(f"{{{{{each}}}}}, which calls an extension of Fabric; it stays as text" for each in left)
    texts = [_joined(part, names, variables) for part in parts]
    return Converted(Template(name, description, texts[1], variables, texts[0] or None), lost)


def of_llm(name: str, document: Mapping[str, Any] | str, settings: SettingsReader) -> Converted:
    """Return what a template of `llm` becomes.

    :param document: what its file holds; a file may hold nothing but the prompt
    :raises ValueError: a part has not the type that it should have
    """
    given: Mapping[str, Any] = {"prompt": document} if isinstance(document, str) else document
    lost = [what for key, what in _LLM_LEFT.items() if given.get(key)]
    known = {*_LLM_LEFT, "name", "prompt", "system", "defaults", "model", "options", "schema_object", "description"}
    lost += [f"{key}, which is not known here" for key in given if key not in known]
    texts = [_typed(given, key, str) or "" for key in ("system", "prompt")]
    parts = [_pieces(text, _LLM, lambda found: found[2] or found[3] or "") for text in texts]
    names = _names(parts)
    if not texts[1].strip():
        parts[1] = [Place(INPUT)]
    elif not _uses_input(parts):  # what is given with -p stands below by itself
        names.pop(INPUT, None)
    defaults = {key: _plain(value) for key, value in (_typed(given, "defaults", dict) or {}).items()}
    lost += [f"the default of {key}, which no text uses" for key in defaults if key not in names]
    variables = _variables(names, defaults)
    options, unfit = _options(_typed(given, "options", dict) or {}, settings)
    schema = _typed(given, "schema_object", dict) or None
    slip = next(slips(schema), None) if schema else None
    lost += [f"the schema, which is none: {'.'.join(slip[0])}: {slip[1]}"] if slip else []
    made = [_joined(part, names, variables) for part in parts]
    template = Template(
        name,
        _typed(given, "description", str) or "",
        made[1],
        variables,
        made[0] or None,
        _typed(given, "model", str) or None,
        None,
        options,
        None if slip else schema,
    )
    return Converted(template, tuple(dict.fromkeys([*lost, *unfit])))


def _pieces(text: str, form: re.Pattern[str], name_of: Callable[[re.Match[str]], str]) -> list[Segment]:
    """Split a text in which variables have another form; `$$` is one dollar."""
    made: list[Segment] = []
    at = 0
    for found in form.finditer(text):
        name = name_of(found)
        made += [text[at : found.start()], Place(name) if name else "$"]
        at = found.end()
    return [*made, text[at:]]


def _uses_input(parts: Sequence[Sequence[Segment]]) -> bool:
    return any(isinstance(each, Place) and each.name == INPUT for part in parts for each in part)


def _names(parts: Sequence[Sequence[Segment]]) -> dict[str, str]:
    """Return the names that variables get here, by those that they have there; the input comes first."""
    names = {INPUT: INPUT}
    for part in parts:
        for each in part:
            if isinstance(each, Place) and each.name not in names:
                names[each.name] = _free(re.sub(r"\W", "_", each.name), names.values())
    return names


def _free(name: str, taken: Any) -> str:
    while name in taken:
        name = f"{name}_"
    return name


def _variables(names: Mapping[str, str], defaults: Mapping[str, str]) -> tuple[TemplateVariable, ...]:
    return tuple(TemplateVariable(here, there not in defaults, defaults.get(there)) for there, here in names.items())


def _joined(part: Sequence[Segment], names: Mapping[str, str], variables: Sequence[TemplateVariable]) -> str:
    """Write a text in our form, so that nothing in it becomes a variable that was none."""
    declared = {each.name for each in variables}
    renamed = [each if isinstance(each, str) else Place(names[each.name]) for each in part]
    return joined(renamed, lambda name, _: name in declared)


def _typed(given: Mapping[str, Any], key: str, kind: type) -> Any:
    """Return a part.

    :raises ValueError: it is of another type
    """
    value = given.get(key)
    if value is not None and not isinstance(value, kind):
        raise ValueError(f"{key} is a {type(value).__name__}, not a {kind.__name__}")
    return value


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _options(given: Mapping[str, Any], settings: SettingsReader) -> tuple[dict[str, Any], list[str]]:
    """Return the options that exist here, and what is said of the others."""
    named = {camel(str(key).replace("-", "_")): (key, value) for key, value in given.items()}
    taken, lost = {}, []
    for name, (key, value) in named.items():
        mistake = next((said for _, said in option_mistakes(settings, {name: value})), "")
        if mistake:
            lost.append(f"the option {key}: {mistake}")
        else:
            taken[name] = value
    return taken, lost
