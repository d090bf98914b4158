"""How is a described situation read from a file?

The file is JSON: one case, a list of cases, or an object with "cases". What a case does not say of a model is looked
up by its name, without a server; what nobody knows stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from ollm.api import Comparison, KnownLimits, ModelKnowledge, Notice, UsageError, nearest
from ollm_plugins.routing.candidates import completed
from ollm_plugins.routing.profiles import AUTO, profile_named
from ollm_plugins.routing.qualify import NEEDS
from ollm_plugins.routing.situation import Candidate, Machine, Profile, Requirement, Situation

TOLD: Final = frozenset({"schema", "note", "id", "title", "why", "expected", "forbidden", "must_report"})
"""What a case says for its readers and for tests."""


Amount = Annotated[float, Meta(ge=0, le=1e12)]
Count = Annotated[int, Meta(ge=0, le=10**12)]


class _Machine(Struct, frozen=True):
    vram_gb: Amount | None = None
    ram_gb: Amount | None = None
    unified: bool = False
    gpu_gb_s: Annotated[float, Meta(gt=0, le=1e12)] | None = None
    num_parallel: Annotated[int, Meta(ge=1, le=10**6)] = 1


class _Model(Struct, frozen=True):
    """Of numbers 0 is as good as nothing."""

    name: Annotated[str, Meta(min_length=1)]
    provider: str = ""
    size_gb: Amount | None = None
    context_window: Count | None = None
    tools: bool | None = None
    vision: bool | None = None
    thinking: bool | None = None
    embedding: bool | None = None
    loaded: bool = False
    loaded_context: Count | None = None
    base_model: bool = False
    cloud: bool | None = None
    family: str = ""
    params_b: Amount | None = None
    active_params_b: Amount | None = None
    kv_bytes_per_token: Amount | None = None
    measured_tok_s: Amount | None = None
    measured_prompt_tok_s: Amount | None = None
    measured_load_s: Amount | None = None


class _Requirement(Struct, frozen=True):
    prompt_tokens: Count = Requirement().prompt_tokens
    output_tokens: Count = Requirement().output_tokens
    needs: tuple[str, ...] = ()


class _Preference(Struct, frozen=True):
    profile: str
    a: str
    b: str
    wins_a: Count
    wins_b: Count


class _Case(Struct, frozen=True):
    available: tuple[_Model, ...]
    machine: _Machine = _Machine()
    profile: str = "general"
    requirement: _Requirement = _Requirement()
    preferences: tuple[_Preference, ...] = ()
    overrides: dict[str, str] = {}
    allow_cloud: bool = False


class Described(Struct, frozen=True):
    """A case of a file.

    :param id: the case's own, or its place in the file counted from 1
    """

    id: str
    situation: Situation


def read_cases(
    path: Path, profiles: Mapping[str, Profile], knowledge: ModelKnowledge | None
) -> tuple[list[Described], bool]:
    """Read a file; also return whether it is one bare case.

    :raises UsageError: it cannot be read, or a case is wrong
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} could not be read: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON: {error}", _FORM) from error
    bare = isinstance(document, dict) and "cases" not in document
    cases = [document] if bare else document["cases"] if isinstance(document, dict) else document
    if not isinstance(cases, list) or not cases:
        raise UsageError(f"{path} holds no case", _FORM)
    return [_described(path, number, case, profiles, knowledge) for number, case in enumerate(cases, 1)], bare


_FORM: Final = "docs/rooms/routing.md describes the format."


def _described(
    path: Path, number: int, case: Any, profiles: Mapping[str, Profile], knowledge: ModelKnowledge | None
) -> Described:
    name = str(case.get("id") or number) if isinstance(case, dict) else str(number)
    where, case = f"{path}, case {name}", _without_nulls(case)
    try:
        read = msgspec.convert(case, _Case)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: {error}", _FORM) from error
    if read.profile == AUTO:
        raise UsageError(
            f"{where}: {AUTO} takes a profile by the words of a prompt, which no case has", "Name a profile."
        )
    profile = profile_named(read.profile, profiles, where)
    requirement = Requirement(
        read.requirement.prompt_tokens,
        read.requirement.output_tokens,
        tuple(each for each in read.requirement.needs if each in NEEDS),
    )
    situation = Situation(
        Machine(**msgspec.structs.asdict(read.machine)),
        tuple(_candidate(model, knowledge) for model in read.available),
        profile.name,
        requirement,
        profiles,
        read.overrides,
        tuple(Comparison(**msgspec.structs.asdict(each)) for each in read.preferences),
        read.allow_cloud,
        tuple(_ignored(where, case, read)),
    )
    return Described(name, situation)


def _without_nulls(said: Any, levels: int = 3) -> Any:
    """Leave out what a case says nothing of: programs that write cases put null there."""
    if levels and isinstance(said, dict):
        return {key: _without_nulls(value, levels - 1) for key, value in said.items() if value is not None}
    return [_without_nulls(each, levels - 1) for each in said] if levels and isinstance(said, list) else said


def _candidate(model: _Model, knowledge: ModelKnowledge | None) -> Candidate:
    limits = knowledge.look_up(model.name) if knowledge else None
    tag = model.name.rpartition(":")[2].lower()
    said = Candidate(
        key=f"{model.provider}/{model.name}" if model.provider else model.name,
        name=model.name,
        provider=model.provider,
        size_gb=model.size_gb or None,
        context_window=model.context_window or _window(limits),
        tools=_able(model, limits, "tools"),
        vision=_able(model, limits, "vision"),
        thinking=_able(model, limits, "thinking"),
        embedding=_able(model, limits, "embedding"),
        loaded=model.loaded,
        loaded_context=model.loaded_context,
        kv_bytes=model.kv_bytes_per_token or None,
        tok_s=model.measured_tok_s or None,
        prompt_tok_s=model.measured_prompt_tok_s or None,
        load_s=model.measured_load_s or None,
        families=(model.family.lower(),) if model.family else (),
        params=model.params_b or 0.0,
        active=model.active_params_b or 0.0,
        cloud=(tag == "cloud" or tag.endswith("-cloud")) if model.cloud is None else model.cloud,
    )
    return completed(said, limits, base=model.base_model)


def _able(model: _Model, limits: KnownLimits | None, ability: str) -> bool:
    said: bool | None = getattr(model, ability)
    return bool(limits and getattr(limits.capabilities, ability)) if said is None else said


def _window(limits: KnownLimits | None) -> int | None:
    return limits.context_window if limits and limits.source != "default" else None


def _ignored(where: str, case: Mapping[str, Any], read: _Case) -> Iterator[Notice]:
    """Yield a line for each part of a case that nobody knows: it may be misspelled."""
    parts = [("", case, _Case, TOLD), *_inner(case)]
    for place, said, kind, more in parts:
        known = [*kind.__struct_fields__, *more]
        for key in said:
            if key not in known:
                text = f"{where}: {place}{key} is not known and was ignored{nearest(key, known)}"
                yield Notice("routing-case-part", text if text.endswith("?") else f"{text}.")
    for need in read.requirement.needs:
        if need not in NEEDS:
            yield Notice("routing-need-unknown", f"{where}: the need {need} is not known and was ignored.")


def _inner(case: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Any, frozenset[str]]]:
    none = frozenset[str]()
    yield "machine.", case.get("machine", {}), _Machine, none
    yield "requirement.", case.get("requirement", {}), _Requirement, none
    for model in case["available"]:
        yield f"{model['name']}: ", model, _Model, frozenset({"note", "why"})
