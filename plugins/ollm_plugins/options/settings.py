"""Which options of generation can be set?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from ollm.api import Setting


@dataclass(frozen=True)
class OptionsSettings:
    """How answers are generated; what is not set is left to the model's own defaults."""

    temperature: Annotated[
        float | None,
        Ge(0),
        Le(2),
        Setting("Randomness, 0 to 2; 0 always takes the likeliest token.", ("OLLM_TEMPERATURE",), ("--temperature",)),
    ] = None
    max_tokens: Annotated[
        int | None,
        Ge(1),
        Setting("Longest answer, in tokens.", ("OLLM_MAX_TOKENS",), ("--max-tokens",)),
    ] = None
    context_size: Annotated[
        int | None,
        Ge(8),
        Setting("Context window to allocate, in tokens.", ("OLLM_CONTEXT_SIZE",), ("--context-size",)),
    ] = None
    top_p: Annotated[float | None, Ge(0), Le(1), Setting("Nucleus sampling: probability mass to choose from.")] = None
    top_k: Annotated[int | None, Ge(0), Setting("Choose from this many of the likeliest tokens; 0: from all.")] = None
    repeat_penalty: Annotated[float | None, Ge(0), Setting("Above 1, repetitions become less likely.")] = None
    seed: Annotated[int | None, Setting("The same seed and options give the same answer.")] = None
    stop: Annotated[tuple[str, ...], Setting("The answer ends before any of these texts.")] = ()
