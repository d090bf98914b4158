"""What does a project change, and what would hold without it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ollm.api import SettingsLayer, to_document
from ollm_plugins.project.folders import shown
from ollm_plugins.project.inforce import InForce
from ollm_plugins.project.reading import FILE

if TYPE_CHECKING:
    from ollm.api import App


class Effect(Struct, frozen=True):
    """One thing that a project changes.

    :param name: a setting's key, or in words what else it is
    :param value: what the project gives
    :param origin: where it says so
    :param instead: what would hold without it
    :param beaten: what is stronger than the project, so that its value does not hold; empty when nothing is
    """

    name: str
    value: str
    origin: str
    instead: str
    beaten: str = ""


def effects(app: App, now: InForce) -> list[Effect]:
    """List what a project changes, whether it holds now or would if it was trusted."""
    found = [each for layer in now.layers(app.context) for each in _settings(app, layer)]
    origin = _origin(now)
    if now.system_prompt:
        found.append(Effect("added to the system prompt", now.system_prompt, origin, ""))
    if now.agents and now.file:
        found.append(Effect("added to the system prompt", now.agents, shown(now.root / now.file.agents_file), ""))
    for name, tools in (("only these tools", now.tools_enabled), ("tools left out", now.tools_disabled)):
        if tools:
            of_file = now.file and (now.file.tools_enabled if name[0] == "o" else now.file.tools_disabled) is not None
            found.append(Effect(name, ", ".join(tools), shown(now.root / FILE) if of_file else origin, ""))
    return found


def _origin(now: InForce) -> str:
    if now.detected is not None:
        return f"profile '{now.detected.project_type}', detected"
    return f"profile '{now.profile.name}'" if now.profile else shown(now.root / FILE)


def _settings(app: App, layer: SettingsLayer) -> Iterator[Effect]:
    for key, value in _flat(layer.values):
        others = [each for each in app.settings.candidates(key) if not each.where.startswith(str(layer.path))]
        weaker = [each for each in others if each.layer in ("default", "borrowed", "user", "plugin")]
        stronger = [each for each in others if each not in weaker]
        line = layer.lines.get(key)
        yield Effect(
            key,
            one_line(value),
            f"{shown(layer.path)}:{line}" if line else shown(layer.path),
            one_line(weaker[-1].raw),
            f"{one_line(stronger[-1].raw)} ({stronger[-1].where})" if stronger else "",
        )


def _flat(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of a layer by their keys; no setting of a project takes a mapping."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def one_line(value: Any) -> str:
    """Write a value for people: text as it is, nothing for null, all else as JSON."""
    import json

    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(to_document(value), ensure_ascii=False)
