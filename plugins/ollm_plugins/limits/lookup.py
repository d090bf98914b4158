"""What is known of a model, and how?

Several sources know something of a model. For each fact the most trusted one that says something wins: the user's
settings, the live server, plugins, the database, what is common to the family, the safe default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct

from ollm.api import Capabilities, FactSource, KnownLimits, ModelInfo, ModelLimits
from ollm_plugins.limits.database import Facts, Found, Line, load
from ollm_plugins.limits.names import ModelName, parse, without_quantization
from ollm_plugins.limits.settings import LimitsSettings

SAFE_WINDOW: Final = 4096
"""Tokens that are asked of a model that nobody knows: what Ollama itself takes on a small machine."""

ABILITIES: Final = ("tools", "vision", "thinking", "embedding")


class Claim(Struct, frozen=True):
    """What one source says of a model; None where it says nothing.

    :param abilities: of tools, vision, streaming, thinking, embedding: whether the model has it
    :param matched: the entry that says so
    """

    source: FactSource
    matched: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    family: str | None = None
    profiles: tuple[str, ...] | None = None
    abilities: Mapping[str, bool] = {}


DEFAULT: Final = Claim("default", "", SAFE_WINDOW, None, "", (), {**dict.fromkeys(ABILITIES, False), "streaming": True})


def decide(name: str, claims: Iterable[Claim]) -> KnownLimits:
    """Take each fact from the first claim that says something of it.

    :param claims: the most trusted first
    """
    ordered = [*claims, DEFAULT]
    sources: dict[str, FactSource] = {}
    values: dict[str, object] = {}
    for fact in ("context_window", "max_output_tokens", "family", "profiles"):
        said = next((each for each in ordered if getattr(each, fact) is not None), DEFAULT)
        values[fact], sources[fact] = getattr(said, fact), said.source
    able: dict[str, bool] = {}
    for ability in Capabilities.__struct_fields__:
        said = next(each for each in ordered if ability in each.abilities)
        able[ability], sources[ability] = said.abilities[ability], said.source
    window = next(each for each in ordered if each.context_window is not None)
    return _limits(name, window, values, Capabilities(**able), sources)


def _limits(
    name: str,
    window: Claim,
    values: Mapping[str, object],
    capabilities: Capabilities,
    sources: Mapping[str, FactSource],
) -> KnownLimits:
    output = values["max_output_tokens"]
    assert window.context_window is not None, "the default says it"
    return KnownLimits(
        name=name,
        known=any(source != "default" for source in sources.values()),
        context_window=window.context_window,
        capabilities=capabilities,
        max_output_tokens=min(output, window.context_window) if isinstance(output, int) else None,
        family=str(values["family"]),
        profiles=values["profiles"] if isinstance(values["profiles"], tuple) else (),
        source=window.source,
        sources=sources,
        matched=window.matched,
    )


def of_user(pattern: str, said: LimitsSettings) -> Claim:
    """What the user's settings say under a name or pattern; a list of capabilities is complete."""
    listed = said.capabilities
    able = {} if listed is None else {each: each in listed for each in ABILITIES}
    return Claim("user", pattern, said.context_window, said.max_output_tokens, said.family, said.profiles, able)


def of_server(live: ModelInfo) -> Claim:
    """What a provider says; one that lists no capabilities says nothing of them."""
    able = {each: each in live.capabilities for each in ABILITIES} if live.capabilities else {}
    return Claim("server", live.name, live.context_window or None, None, live.family or None, None, able)


def of_plugin(entry: ModelLimits) -> Claim:
    """What a plugin's pattern says; its list of capabilities is complete."""
    able = {each: each in entry.capabilities for each in Capabilities.__struct_fields__}
    return Claim(
        "plugin",
        entry.pattern,
        entry.context_window,
        entry.max_output_tokens,
        entry.family or None,
        entry.profiles or None,
        able,
    )


def of_database(name: str, digest: str = "", family: str = "") -> Claim | None:
    """What the database says; None when it does not know the model.

    :param digest: of the manifest, which tells what the model is, whatever its name
    :param family: as a server says it
    """
    found = _by_digest(digest) or _by_name(name, digest)
    if found is not None:
        return _claim("tag" if found.exact else "line", found.matched, found.facts)
    shared = load().of_family(family) if family else None
    return _claim("pattern", f"{family} models", shared) if shared else None


def _claim(source: FactSource, matched: str, facts: Facts) -> Claim:
    """What facts say. What they leave open is not said; nor what a family lacks, since a stranger's build may have it."""
    able = facts.capabilities
    sure = dict.fromkeys(able, True) if source == "pattern" else {each: each in able for each in ABILITIES}
    sure = {each: has for each, has in sure.items() if each not in facts.doubtful}
    return Claim(
        source,
        matched,
        facts.context_window,
        facts.max_output_tokens,
        facts.family or None,
        facts.profiles,
        {**sure, "streaming": True},
    )


def _by_digest(digest: str) -> Found | None:
    return load().of_digest(digest) if digest else None


@lru_cache(maxsize=512)
def _by_name(name: str, digest: str) -> Found | None:
    """Find a name; where it is certain that another build bears it, only what all that it may be have in common."""
    parsed = parse(name)
    if parsed is None:
        return None
    pinned = _by_digest(parsed.digest)
    line = load().lines.get(parsed.model) if parsed.origin == "library" else None
    if pinned is not None or line is None:
        return pinned or _elsewhere(parsed)
    found = line.find(parsed.tag)
    return line.near(found.tag) if _is_another(line, found, parsed.digest or digest) else found


def _is_another(line: Line, found: Found, digest: str) -> bool:
    """Whether a digest differs from that of the tag that was found."""
    known = line.digests.get(found.tag) if found.exact else None
    return bool(digest and known) and not digest.removeprefix("sha256:").startswith(known or "")


def _elsewhere(parsed: ModelName) -> Found | None:
    """Look into a repository or a file; a name from a file's metadata has its quantization as the tag."""
    from ollm_plugins.limits.repositories import resolve

    from_metadata = parsed.origin == "library" and without_quantization(parsed.tag) == ("", True)
    if parsed.origin in ("hub", "file") or from_metadata:
        return resolve(parsed.model, load())
    return None
