"""Which JSON Schema describes a project's file? Editors use it to complete and to check."""

from __future__ import annotations

from typing import Any, Final

from ollm.api import Settings, settings_schema
from ollm_plugins.project.form import AGENTS_FILE, MODEL, PROFILE, TOOL

SCHEMA: Final = "project.schema.json"


def project_schema(settings: Settings) -> dict[str, Any]:
    """Return the schema; options are those of the settings, as far as a project may set them."""
    whole = settings_schema(settings.sections)
    options = whole["properties"].get("options", {"properties": {}})
    properties = {
        "version": {"const": 1, "description": "Version of this file's format."},
        "profile": _text(PROFILE, "A project profile, e.g. typescript, python, rust, go or documentation."),
        "model": _text(MODEL, "The model that answers, by its name."),
        "systemPrompt": {"type": "string", "description": "What the model is told before the conversation."},
        "tools": _object(
            "Which tools are offered; a project can only take tools away.",
            {"enabled": _tools("Only these, as names or globs."), "disabled": _tools("Not these, as names or globs.")},
        ),
        "routing": _object(
            "How the model is chosen.", {"defaultProfile": _text(PROFILE, "The routing profile that holds here.")}
        ),
        "options": _object(
            options.get("description", ""), {k: v for k, v in options["properties"].items() if k != "extra"}
        ),
        "agentsFile": {
            "description": "A text that is added to the system prompt: true for AGENTS.md, or its path in the project.",
            "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": f"^({AGENTS_FILE})$"}],
            "default": False,
        },
    }
    return {"$schema": whole["$schema"], **_object("A project's settings for ollm", properties)}


def _object(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": description, "additionalProperties": False, "properties": properties}


def _text(pattern: str, description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern})$", "description": description}


def _tools(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "pattern": f"^({TOOL})$"}, "description": description}
