"""What do /api/tags, /api/show and /api/ps say of a model?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ollm.api import LoadedModel, ModelInfo

_FOR_GOOD = "2200"
"""A year of unloading from which on "never" is meant: Ollama adds 292 years to the present."""


def canonical(name: str) -> str:
    """Return a model's name with its tag; a colon before the last slash belongs to a registry's port."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def listed(entry: Mapping[str, Any]) -> ModelInfo:
    """Read an entry of /api/tags; capabilities and context length come from Ollama 0.30 on."""
    return _info(str(entry.get("name") or entry.get("model") or ""), entry, _mapping(entry.get("details")))


def shown(name: str, answer: Mapping[str, Any]) -> ModelInfo:
    """Read an answer of /api/show."""
    facts = {key: value for key, value in _mapping(answer.get("model_info")).items() if value is not None}
    architecture = facts.get("general.architecture")
    details = {**_mapping(answer.get("details"))}
    details.setdefault("context_length", facts.get(f"{architecture}.context_length"))
    extra = {"system": answer.get("system"), "model_info": facts}
    return _info(canonical(name), answer, {**details, **{key: value for key, value in extra.items() if value}})


def loaded(entry: Mapping[str, Any]) -> LoadedModel:
    """Read an entry of /api/ps."""
    expires = str(entry.get("expires_at") or "")
    return LoadedModel(
        name=str(entry.get("name") or entry.get("model") or ""),
        size=entry.get("size") or 0,
        size_gpu=entry.get("size_vram") or 0,
        context_size=entry.get("context_length"),
        expires="" if expires[:4] >= _FOR_GOOD or expires.startswith("0001") else expires,
    )


def newest_first(models: Sequence[ModelInfo]) -> list[ModelInfo]:
    """Sort models by the time of their last change."""
    return sorted(models, key=_modified, reverse=True)


def _info(name: str, answer: Mapping[str, Any], details: Mapping[str, Any]) -> ModelInfo:
    rest = dict(details)
    return ModelInfo(
        name=name,
        size=answer.get("size"),
        digest=answer.get("digest") or "",
        modified=answer.get("modified_at") or "",
        family=rest.pop("family", None) or "",
        parameters=rest.pop("parameter_size", None) or "",
        quantization=rest.pop("quantization_level", None) or "",
        context_window=rest.pop("context_length", None),
        capabilities=tuple(answer.get("capabilities") or ()),
        template=answer.get("template") or "",
        license=answer.get("license") or "",
        default_options=answer.get("parameters") or "",
        details=rest,
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _modified(model: ModelInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(model.modified)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
