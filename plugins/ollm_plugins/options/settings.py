"""Which options of generation can be set?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from dataclasses import dataclass
from typing import Annotated

from ollm.api import Setting


@dataclass(frozen=True)
class OptionsSettings:
    """How answers are generated; what is not set is left to the model's own defaults."""

    temperature: Annotated[
        float | None,
        Setting(
            "Randomness, 0 to 2; 0 always takes the likeliest token.",
            ("OLLM_TEMPERATURE",),
            ("--temperature",),
            ge=0,
            le=2,
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Setting("Longest answer, in tokens.", ("OLLM_MAX_TOKENS",), ("--max-tokens",), ge=1),
    ] = None
    context_size: Annotated[
        int | None,
        Setting("Context window to allocate, in tokens.", ("OLLM_CONTEXT_SIZE",), ("--context-size",), ge=8),
    ] = None
    top_p: Annotated[float | None, Setting("Nucleus sampling: probability mass to choose from.", ge=0, le=1)] = None
    top_k: Annotated[int | None, Setting("Choose from this many of the likeliest tokens; 0: from all.", ge=0)] = None
    repeat_penalty: Annotated[float | None, Setting("Above 1, repetitions become less likely.", ge=0)] = None
    seed: Annotated[int | None, Setting("The same seed and options give the same answer.")] = None
    stop: Annotated[tuple[str, ...], Setting("The answer ends before any of these texts.")] = ()
