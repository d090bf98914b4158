"""What do the tokenizers in use have in common, and which of them has a model?

The weights of `profiles.json` were fitted to tokenizers that are published as packages; README.md says how, and how well
they do on texts and tokenizers that they were not fitted to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct, json

from ollm_plugins.tokens.pieces import NAMES

Weights = tuple[float, ...]
"""Tokens for each piece, as `pieces.NAMES` lists them."""

UNKNOWN: Final = "unknown"
"""The mean of all, for tokenizers that are like none of them."""

_UNUSUAL: Final = "gpt2"
"""Spends a token on each space of an indentation, as nobody has done since; it is left out of the mean."""

# Names of models as Ollama's library and its users write them, of their latest part; the first that fits counts.
_BY_NAME: Final = (
    (r"smollm", "smollm"),
    (r"gpt-?oss|gpt-4o|llama-?4|phi-?4-mini", "gpt-oss"),
    (r"deepseek-r1.*llama|nemotron|hermes-?3|dolphin-?3|command|phi-?4", "llama3"),
    (r"llama-?3|dolphin-llama3", "llama3"),
    (r"qwen|qwq|marco-o1|openthinker|deepscaler|deepseek-r1:(?:1\.5|7|8|14|32)b", "qwen"),
    (r"gemma|gemini", "gemma"),
    (r"deepseek", "deepseek"),
    (r"mistral-(?:nemo|small|large)|ministral|devstral|pixtral|magistral", "tekken"),
    (r"llama|mistral|mixtral|vicuna|zephyr|alpaca|phi-?3|orca|solar|llava|bakllava", "llama2"),
    (r"gpt-?2|phi-?2|pythia", "gpt2"),
)
_GUESSED: Final = 20.0
"""How much likelier the tokenizer is that a name stands for: names are right most times, and a few turns outweigh it."""
_SELDOM: Final = 0.05
_COMMON: Final = 3.0
"""What stands for the tokenizers that are not among ours counts as much as three of them."""


@cache
def profiles() -> Mapping[str, Weights]:
    """Return the weights of each known tokenizer, and their mean."""
    found = json.decode(Path(__file__).with_name("profiles.json").read_bytes(), type=_File)
    assert found.features == NAMES, "profiles.json was made for other pieces"
    usual = [weights for name, weights in found.profiles.items() if name != _UNUSUAL]
    mean = tuple(sum(column) / len(usual) for column in zip(*usual, strict=True))
    return {**found.profiles, UNKNOWN: mean}


class _File(Struct, frozen=True):
    features: tuple[str, ...]
    profiles: Mapping[str, Weights]


def likelihood(model: str) -> Mapping[str, float]:
    """Say how likely a model has each of the tokenizers, judged by its name; the values sum up to one."""
    usual = {_UNUSUAL: _SELDOM, UNKNOWN: _COMMON}
    guess = by_name(model)
    likely = {name: _GUESSED if name == guess else usual.get(name, 1.0) for name in profiles()}
    total = sum(likely.values())
    return {name: value / total for name, value in likely.items()}


def by_name(model: str) -> str | None:
    """Return the tokenizer that a model's name stands for, if it says."""
    name = model.lower().rpartition("/")[2]
    return next((profile for pattern, profile in _BY_NAME if re.search(pattern, name)), None)
