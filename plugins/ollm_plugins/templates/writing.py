"""How is a template written as a file that people like to read, so that it is read back as it was?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ollm.api import OllmError, SettingsError, SettingsReader, TemplateVariable
from ollm_plugins.templates.reading import understood

if TYPE_CHECKING:
    from ollm.api import Template

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What stands as an escape in a quoted text, beside what JSON escapes."""
_NOT_LITERAL = re.compile("[^\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

SKELETON = """\
# A template of ollm. `ollm template use {name}` fills it and has it answered. What begins with # is a comment.
description: Explain something

# {{text}} and {{reader:a beginner}} are variables, the second one with a default. Other braces stay as they are;
# {{{{text}}}} in two of them is no variable.
template: |
  Explain this to {{reader:a beginner}}:

  {{text}}

# The names that are variables. Without this list, whatever has the form of a variable is one.
variables:
  - {{name: text, required: true, description: What is to be explained}}
  - {{name: reader, description: Who reads it}}

# What else it may ask for; take the # away:
# system: You are a patient teacher.
# model: llama3.1:8b
# profile: code
# options: {{temperature: 0.2, maxTokens: 400}}
# schema: {{type: object, properties: {{answer: {{type: string}}}}, required: [answer]}}
"""


def skeleton(name: str) -> str:
    """Return what a new template begins with."""
    return SKELETON.format(name=name)


def written(template: Template, settings: SettingsReader, *, declares: bool = True, remark: str = "") -> str:
    """Return a file's text that is read back as this template.

    :param declares: whether the list of variables is written even if it is empty
    :param remark: a comment at its beginning
    :raises OllmError: there is no such text
    """
    for literal in (True, False):
        lines = (f"# {remark}" if remark else "", *_lines(template, declares=declares, literal=literal))
        text = "\n".join(line for line in lines if line) + "\n"
        try:
            back = understood(Path(f"{template.name}.yaml"), text, template.name, "user", settings)
        except SettingsError as error:
            problem = str(error)
            continue
        if back.template == template and back.declares == declares:
            return text
        problem = "its text would be changed"
    raise OllmError(f"The template '{template.name}' cannot be written: {problem}")


def _lines(template: Template, *, declares: bool, literal: bool) -> Iterator[str]:
    if template.description:
        yield f"description: {quoted(template.description)}"
    yield f"template: {_text(template.template, literal=literal)}"
    if declares:
        yield "variables:" if template.variables else "variables: []"
        yield from (f"  - {_flow(_of_variable(each))}" for each in template.variables)
    if template.system is not None:
        yield f"system: {_text(template.system, literal=literal)}"
    if template.model:
        yield f"model: {quoted(template.model)}"
    if template.routing_profile:
        yield f"profile: {quoted(template.routing_profile)}"
    if template.options:
        yield f"options: {_flow(template.options)}"
    if template.schema is not None:
        yield f"schema: {_flow(template.schema)}"


def _of_variable(variable: TemplateVariable) -> Mapping[str, Any]:
    said: dict[str, Any] = {"name": variable.name}
    said |= {"required": True} if variable.required else {}
    said |= {} if variable.default is None else {"default": variable.default}
    return {**said, "description": variable.description} if variable.description else said


def quoted(text: str) -> str:
    """Return a text in double quotes, as JSON and YAML have it."""
    return _escaped(json.dumps(text, ensure_ascii=False))


def _flow(value: Any) -> str:
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(document: str) -> str:
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def _text(text: str, *, literal: bool) -> str:
    """Return a text as a block of lines, if that is wanted and can hold it, else in quotes."""
    if not literal or "\n" not in text.rstrip("\n") or _NOT_LITERAL.search(text):
        return quoted(text)
    ends = len(text) - len(text.rstrip("\n"))
    chomping = {0: "-", 1: ""}.get(ends, "+")
    indent = "2" if text[:1] in (" ", "\n", "\t") else ""
    body = "\n".join(f"  {line}" if line else "" for line in text.split("\n")[: -1 if ends else None])
    return f"|{indent}{chomping}\n{body}"
