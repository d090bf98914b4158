"""What do /api/tags, /api/show and /api/ps say of a model?

What is of another type than Ollama sends, or no number that can be, is taken as not said: the rest still holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ollm.api import LoadedModel, ModelInfo

_FOR_GOOD = "2200"
"""A year of unloading from which on "never" is meant: Ollama adds 292 years to the present."""

_LARGEST = 2**63 - 1
"""Ollama counts in Go's int64."""


def canonical(name: str) -> str:
    """Return a model's name with its tag; a colon before the last slash belongs to a registry's port."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def listed(entry: Mapping[str, Any]) -> ModelInfo:
    """Read an entry of /api/tags; capabilities and context length come from Ollama 0.30 on."""
    return _info(_name(entry), entry, _mapping(entry.get("details")))


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
    expires = _text(entry.get("expires_at"))
    return LoadedModel(
        name=_name(entry),
        size=_count(entry.get("size")) or 0,
        size_gpu=_count(entry.get("size_vram")) or 0,
        context_size=_count(entry.get("context_length")) or None,
        expires="" if expires[:4] >= _FOR_GOOD or expires.startswith("0001") else expires,
    )


def newest_first(models: Sequence[ModelInfo]) -> list[ModelInfo]:
    """Sort models by the time of their last change."""
    return sorted(models, key=_modified, reverse=True)


def _info(name: str, answer: Mapping[str, Any], details: Mapping[str, Any]) -> ModelInfo:
    rest = dict(details)
    return ModelInfo(
        name=name,
        size=_count(answer.get("size")),
        digest=_text(answer.get("digest")),
        modified=_text(answer.get("modified_at")),
        family=_text(rest.pop("family", None)),
        parameters=_text(rest.pop("parameter_size", None)),
        quantization=_text(rest.pop("quantization_level", None)),
        context_window=_count(rest.pop("context_length", None)) or None,
        capabilities=_words(answer.get("capabilities")),
        template=_text(answer.get("template")),
        license=_text(answer.get("license")),
        default_options=_text(answer.get("parameters")),
        details=rest,
    )


def _name(entry: Mapping[str, Any]) -> str:
    return _text(entry.get("name")) or _text(entry.get("model"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word for word in value if isinstance(word, str)) if isinstance(value, list) else ()


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _modified(model: ModelInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(model.modified)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
