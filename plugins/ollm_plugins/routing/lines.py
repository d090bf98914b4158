"""What does a model's name say of its size, its age and what it was made for?

Only where nobody says it better: a server tells the number of parameters, the database of limits the family. Of the
release, of mixtures of experts and of what completes text instead of answering, no server says anything: these come
from `lines.tsv`, by the model line that the database names.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from math import log2
from pathlib import Path
from typing import Final, get_args

from msgspec import Struct

from ollm_plugins.routing.situation import Kind, Thinks

FILE: Final = Path(__file__).with_name("lines.tsv")
UNKNOWN_RELEASE: Final = 2024.25
"""When a model was released that nobody knows: in the middle of what is used."""
GB_PER_BILLION: Final = 0.6
"""Of a model in 4 bits (q4_K_M), as most of Ollama's library are: llama3.1:8b has 8.0 billion parameters in 4.9 GB."""

_EXPERTS = re.compile(r"(?<![\w.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z])")
_BILLIONS = re.compile(r"(?<![\w.])e?(\d+(?:\.\d+)?)b(?![a-z])")
_MILLIONS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)m(?![a-z])")
_ACTIVE = re.compile(r"(?<![\w.])a(\d+(?:\.\d+)?)b(?![a-z])")
_WORD = re.compile(r"[a-z]+|\d+")
_SAID = re.compile(r"(\d+(?:\.\d+)?)\s*([KMBT])", re.IGNORECASE)
_SCALE: Final = {"K": 1e-6, "M": 1e-3, "B": 1.0, "T": 1e3}
_BASE: Final = frozenset({"base", "text", "completion", "pretrain", "fim"})
_INSTRUCT: Final = frozenset({"instruct", "chat", "it", "sft"})
_CODE: Final = frozenset({"coder", "code", "coding"})
_KINDS: Final = frozenset(get_args(Kind))


class Line(Struct, frozen=True):
    """A model line.

    :param active: billions of parameters in use for each token, by the word of the tag that tells
    """

    released: float
    kind: Kind
    thinks: Thinks
    active: dict[str, float]


class Read(Struct, frozen=True):
    """What a name and its line say; 0 where nobody knows.

    :param params: in billions
    :param active: of these, in use for each token
    """

    line: str
    params: float
    active: float
    released: float
    kind: Kind
    thinks: Thinks


@cache
def lines() -> dict[str, Line]:
    """Read the table."""
    rows = (row.split("\t") for row in FILE.read_text(encoding="utf-8").splitlines() if not row.startswith("#"))
    return {name: _line(released, kind, thinks, active) for name, released, kind, thinks, active in rows}


def _line(released: str, kind: str, thinks: str, active: str) -> Line:
    year, _, month = released.partition("-")
    pairs = (each.partition("=") for each in active.split())
    return Line(
        int(year) + (int(month) - 1) / 12,
        kind if kind in _KINDS else "chat",  # type: ignore[arg-type]  # checked
        thinks if thinks in ("can", "always") else "",  # type: ignore[arg-type]  # checked
        {tag: float(billions) for tag, _, billions in pairs},
    )


@lru_cache(maxsize=8192)
def read(name: str, matched: str = "") -> Read:
    """Read a name.

    :param matched: the entry of the database that knows the model, e.g. "llama3.1:8b", whatever its name
    """
    lowered = name.lower()
    own, _, tag = lowered.rpartition("/")[2].partition(":")
    line = matched.partition(":")[0].lower() or own
    known = lines().get(line)
    text = f":{tag}" if own in lines() else f"{own}:{tag}"  # the name of a line says nothing of one of its models
    words = frozenset(_WORD.findall(text))
    params, active = _sizes(text, known)
    released = known.released if known else UNKNOWN_RELEASE
    return Read(line, params, active, released, _kind(known, words, own), _thinks(known, words))


def _sizes(text: str, known: Line | None) -> tuple[float, float]:
    """Return the parameters, and those in use, in billions."""
    experts = _EXPERTS.search(text)
    billions = [float(found[1]) for found in _BILLIONS.finditer(text)]
    millions = _MILLIONS.search(text)
    params = max(billions, default=float(millions[1]) / 1000 if millions else 0.0)
    if experts:  # they share what is no expert: 8x7b has 47 billion, not 56
        params = float(experts[1]) * float(experts[2]) * 0.84
    said = _ACTIVE.search(text)
    if said:
        return params, float(said[1])
    for tag, active in (known.active if known else {}).items():
        if re.search(rf"(?<![\w.]){re.escape(tag)}(?![\w.])", text):
            return params, active
    return params, float(experts[2]) * 1.85 if experts else params


def _kind(known: Line | None, words: frozenset[str], own: str) -> Kind:
    kind: Kind = known.kind if known else "code" if words & _CODE else "chat"
    if kind == "other":
        return kind
    if words & _BASE and not words & _INSTRUCT:
        return "base"
    if kind == "base" and words & _INSTRUCT:
        return "code" if "code" in own or "starcoder" in own else "chat"
    return "code" if kind == "chat" and words & _CODE else kind


def _thinks(known: Line | None, words: frozenset[str]) -> Thinks:
    if known is None or not known.thinks:
        return "always" if words & {"thinking", "think", "reasoning"} else ""
    if known.thinks == "can" and words & {"thinking", "think"}:
        return "always"
    return "" if known.thinks == "can" and "instruct" in words else known.thinks


def billions(said: str) -> float:
    """Read how many parameters a server says a model has, "8.0B" or "268.10M"; 0 if that is no number."""
    found = _SAID.match(said.strip())
    return float(found[1]) * _SCALE[found[2].upper()] if found else 0.0


def strength(params: float, active: float, released: float, size_gb: float | None) -> float:
    """Return how good answers are to be expected, where one more is worth as much as twice the size.

    A mixture of experts is worth about six tenths of what it has where it uses a tenth: qwen3:30b (3 in use) is in its
    makers' tests between qwen3:14b and qwen3:32b, and mixtral:8x7b between llama2 of 13 and of 70 billion.
    A year of progress is worth twice the size: models of a year later reach what larger ones did; published studies
    ("densing law", 2024) even find it in less. Below 4 bits a parameter, quantization costs.
    """
    if not params:
        return released - 2024
    bits = size_gb * 8 / params if size_gb else 4.8
    lost = -1.2 * (4.2 - bits) if bits < 4.2 else min(0.1, 0.02 * (bits - 4.2))  # noqa: PLR2004
    worth = params**0.8 * (active or params) ** 0.2
    return log2(max(worth, 0.05)) + (released - 2024) + lost
