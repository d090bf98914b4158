"""Which model of the library is in a repository of a hub, or in a file of weights?

`bartowski/Llama-3.2-3B-Instruct-GGUF` holds llama3.2:3b-instruct. Repositories are named by their makers' habits, not
by a rule: a name is understood only if every word of it is, so that `Llama-3.1-8B-Lexi-Uncensored` stays unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import structs

from ollm_plugins.limits.database import QUANTIZED, Database, Found, Line
from ollm_plugins.limits.names import without_quantization

FILE: Final = Path(__file__).with_name("repositories.tsv")

_OWNERS: Final = (
    "meta-llama-", "meta-", "google-", "qwen-", "microsoft-", "mistralai-", "deepseek-ai-", "ibm-granite-", "nvidia-",
    "openai-", "huggingfacetb-", "cohereforai-", "coherelabs-", "tiiuae-", "bigcode-", "allenai-", "nousresearch-",
    "lgai-exaone-", "01-ai-", "zai-org-", "thudm-", "liquidai-", "baai-", "nomic-ai-",
)  # fmt: skip
"""Makers whose name some converters put before the repository's."""

_PACKING: Final = re.compile(r"(?:[-._](?:gguf|imat(?:rix)?|i1|hf|unsloth))+$")
_DOTTED: Final = re.compile(r"\.(?=(?:i?q\d\w*|(?:bf|fp|f)(?:16|32))$)")
_SIZE: Final = re.compile(r"e?\d+(?:\.\d+)?[bmt]|\d+x\d+b")
_CHAT: Final = ("instruct", "it", "chat")
"""Words for builds that converse; without one, a maker who uses them means the base model."""


def resolve(repository: str, database: Database) -> Found | None:
    """Find what a repository, or a file without its ending, holds; None unless that is certain.

    :param repository: without its owner, in lower case
    """
    plain = _plain(repository)
    for name in (plain, *(plain.removeprefix(owner) for owner in _OWNERS if plain.startswith(owner))):
        listed = _listed().get(name)
        if listed:
            known, _, build = listed.partition(":")
            return structs.replace(database.lines[known].find(build), exact=False)
        for line, tag in _readings(name, _lines(database)):
            return _found(line, tag, name)
    return None


def _plain(repository: str) -> str:
    """Take off what only says how the weights are packed."""
    before, name = "", _DOTTED.sub("-", repository)
    while name != before:
        before, name = name, without_quantization(_PACKING.sub("", name))[0]
    return name.replace("_", "-")


def _readings(name: str, lines: Mapping[str, Line]) -> Iterator[tuple[Line, str]]:
    """Yield the tags that a name of the form LINE-SIZE-MORE can mean; MORE may hold a word of the line."""
    words = name.split("-")
    at = next((number for number, word in enumerate(words) if _SIZE.fullmatch(word)), 0)
    if at == 0:
        return
    head, size, rest = "".join(words[:at]), words[at], words[at + 1 :]
    moved = ((head + word, rest[:number] + rest[number + 1 :]) for number, word in enumerate(rest))
    for squeezed, left in ((head, rest), *moved):
        line = lines.get(squeezed)
        if line is None:
            continue
        plain = [word for word in left if word not in _CHAT]
        for tag in ("-".join([size, *left]), "-".join([size, *plain])):
            if line.is_build(tag):
                yield line, tag


def _found(line: Line, tag: str, name: str) -> Found:
    """Say what a tag's quantizations can do; of a base model, only how large its window is."""
    facts = line.tags.get(f"{tag}-{QUANTIZED}") or line.tags[tag]
    if _is_base(line, name):
        lost = facts.capabilities & {"tools", "thinking"}
        facts = structs.replace(facts, capabilities=facts.capabilities - lost, doubtful=lost, profiles=())
    return Found(facts, line.name, tag, exact=False)


def _is_base(line: Line, name: str) -> bool:
    """Whether a maker who marks the builds that converse has not marked this one."""
    marked = any(word in _CHAT for tag in line.tags for word in tag.split("-"))
    thinks = any("thinking" in facts.capabilities for facts in line.tags.values())
    return marked and not thinks and not any(word in _CHAT for word in name.split("-"))


def _lines(database: Database) -> dict[str, Line]:
    """All lines by their names without dashes: makers and the library put them differently."""
    return {name.replace("-", ""): line for name, line in database.lines.items()}


@cache
def _listed() -> dict[str, str]:
    rows = FILE.read_text(encoding="utf-8").splitlines()
    found: dict[str, str] = {}
    for row in rows:
        if not row.startswith("#"):
            found[row.partition("\t")[0]] = row.partition("\t")[2]
    return found
