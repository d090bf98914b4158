"""What does a template ask for instead of what the settings say, and what has the user said for this run?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ollm.api import FilledTemplate, Notice, Overrides, replace
from ollm_plugins.templates.options import SECTION, as_request

if TYPE_CHECKING:
    from ollm.api import HostContext, SettingsReader, Template
    from ollm_plugins.templates.template import Known

_TITLE = 100
"""Characters of a title."""
_PROFILE = "model.routing.defaultProfile"


def made(host: HostContext, known: Known, values: Mapping[str, str], more: str = "") -> FilledTemplate:
    """Return a prompt, and what its template asks for; the user's word for this run is stronger, which is said.

    :param more: the text that is going to stand below the prompt
    :raises UsageError: a value is missing, or for no variable
    """
    prompt, system = known.fill(values)
    if known.origin == "project":
        host.notify(Notice("project-template", f"The template '{known.name}' is the project's ({known.path})."))
    for slip in known.slips():
        host.notify(Notice("template-slip", f"{slip}."))
    beaten = dict(_beaten(host.settings, known.template))
    if beaten:
        by = " and ".join(dict.fromkeys(beaten.values()))
        text = f"The template '{known.name}' does not set {', '.join(beaten)}, since you have said it with {by}."
        host.notify(Notice("template-overruled", text))
    asked = _overrides(known.template, system, beaten)
    return FilledTemplate(prompt, replace(asked, title=_title(known, values, more)))


def _title(known: Known, values: Mapping[str, str], more: str) -> str:
    """Return a title that tells prompts of one template apart: its name, and how each text that fills it begins.

    It is empty if nothing fills it: then there is nothing to tell apart.
    """
    texts = (*(values[each.name] for each in known.variables if each.name in values), more)
    firsts = ", ".join(filter(None, (text.lstrip()[:_TITLE].partition("\n")[0].rstrip() for text in texts)))
    return f"{known.name}: {firsts}"[:_TITLE] if firsts else ""


def _overrides(template: Template, system: str | None, beaten: Mapping[str, str]) -> Overrides:
    options = {name: value for name, value in template.options.items() if name not in beaten}
    model = template.model if "model" not in beaten else None
    profile = template.routing_profile if "profile" not in beaten and model is None else None
    said = system if "system" not in beaten else None
    return Overrides(None, model, profile, said, as_request(options), template.schema)


def _beaten(settings: SettingsReader, template: Template) -> Iterator[tuple[str, str]]:
    """Yield what the user has said for this run although the template asks for something else, and how."""
    asked: dict[str, tuple[object, str]] = {
        "model": (template.model, "model.default"),
        "profile": (template.routing_profile, _PROFILE),
        "system": (template.system, "chat.systemPrompt"),
        **{name: (value, f"{SECTION}.{name}") for name, value in template.options.items()},
    }
    for name, (value, key) in asked.items():
        if value is not None and (how := _said(settings, key)):
            yield name, how
    if template.routing_profile is not None and (how := _said(settings, "model.default")):
        yield "profile", how


def _said(settings: SettingsReader, key: str) -> str:
    """Say how the user has set something for this run; nothing if they have not."""
    if settings.field_at(tuple(key.split("."))) is None:
        return ""
    strongest = settings.candidates(key)[-1]
    return strongest.where if strongest.is_of_this_run else ""
