"""What may stand among the options under the provider's own names?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

_TAKEN = {
    "num_predict": "maxTokens",
    "n_predict": "maxTokens",
    "max_tokens": "maxTokens",
    "num_ctx": "numCtx",
    "n_ctx": "numCtx",
    "context_size": "numCtx",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "min_p": "minP",
    "repeat_penalty": "repeatPenalty",
    "repeat_last_n": "repeatLastN",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "stop": "stop",
    "think": "think",
}
"""Providers' names of what has a setting of its own. Here they would get past its range and the model's limits."""


def mistake(extra: dict[str, Any]) -> str:
    """Say what is wrong with further options; nothing if they can be sent."""
    for name, value in extra.items():
        if name in _TAKEN:
            return f"{name} has a setting of its own, {_TAKEN[name]}"
        if not name.strip():
            return "a name is empty"
        if any(isinstance(each, float) and not math.isfinite(each) for each in _scalars(value)):
            return f"expected a finite number, at {name}"
    return ""


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _scalars(each)
    else:
        yield value
