"""Which options of generation can be set?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.

Ranges are those of Ollama and llama.cpp. Where these take whatever fits into 32 bits, so does ollm; but what they
take and then answer nonsense to, or understand as something else, is refused: a context of 0, a negative penalty.
"""

from typing import Annotated, Any, Literal

from msgspec import Struct

from ollm.api import Setting
from ollm_plugins.options.extra import mistake

INT32 = 2**31 - 1
"""What llama.cpp's counts hold at most."""
UINT32 = 2**32 - 1
"""What llama.cpp's seeds hold at most."""


class OptionsSettings(Struct, frozen=True):
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
        Setting("Longest answer, in tokens.", ("OLLM_MAX_TOKENS",), ("--max-tokens",), ge=1, le=INT32),
    ] = None
    num_ctx: Annotated[
        int | None,
        Setting(
            "Context window to allocate, in tokens.",
            ("OLLM_CONTEXT_SIZE", "OLLM_NUM_CTX"),
            ("--num-ctx", "--context-size"),
            ge=8,
            le=INT32,
        ),
    ] = None
    top_p: Annotated[
        float | None,
        Setting(
            "Choose from the likeliest tokens that have this probability together; 1: from all.",
            ("OLLM_TOP_P",),
            ("--top-p",),
            ge=0,
            le=1,
        ),
    ] = None
    top_k: Annotated[
        int | None,
        Setting(
            "Choose from this many of the likeliest tokens; 0: from all.", ("OLLM_TOP_K",), ("--top-k",), ge=0, le=INT32
        ),
    ] = None
    min_p: Annotated[
        float | None,
        Setting(
            "Leave out tokens less probable than this share of the likeliest one; 0: none.",
            ("OLLM_MIN_P",),
            ("--min-p",),
            ge=0,
            le=1,
        ),
    ] = None
    # llama.cpp divides by it.
    repeat_penalty: Annotated[
        float | None,
        Setting(
            "Above 1, repetitions become less likely; 1: off.", ("OLLM_REPEAT_PENALTY",), ("--repeat-penalty",), gt=0
        ),
    ] = None
    repeat_last_n: Annotated[
        int | None,
        Setting(
            "How many of the last tokens count as repeated; 0: none, -1: the whole context.",
            ("OLLM_REPEAT_LAST_N",),
            ("--repeat-last-n",),
            ge=-1,
            le=INT32,
        ),
    ] = None
    presence_penalty: Annotated[
        float | None,
        Setting(
            "Above 0, tokens that were used become less likely.",
            ("OLLM_PRESENCE_PENALTY",),
            ("--presence-penalty",),
            ge=-2,
            le=2,
        ),
    ] = None
    frequency_penalty: Annotated[
        float | None,
        Setting(
            "Above 0, the more often a token was used, the less likely it becomes.",
            ("OLLM_FREQUENCY_PENALTY",),
            ("--frequency-penalty",),
            ge=-2,
            le=2,
        ),
    ] = None
    seed: Annotated[
        int | None,
        Setting(
            "The same seed and options give the same answer.", ("OLLM_SEED",), ("--seed",), ge=-INT32 - 1, le=UINT32
        ),
    ] = None
    stop: Annotated[
        tuple[str, ...],
        Setting("The answer ends before any of these texts.", ("OLLM_STOP",), ("--stop",)),
    ] = ()
    think: Annotated[
        bool | Literal["low", "medium", "high", "max"] | None,
        Setting(
            "Whether a thinking model thinks first (true, false), or how hard (low, medium, high, max).",
            ("OLLM_THINK",),
            ("--think",),
        ),
    ] = None
    extra: Annotated[
        dict[str, Any],
        Setting(
            "Further options under the provider's own names, sent as they are.",
            ("OLLM_EXTRA",),
            ("--extra",),
            check=mistake,
        ),
    ] = {}


class ProviderOptions(OptionsSettings, frozen=True):
    """How answers of one provider are generated."""


class ModelOptions(OptionsSettings, frozen=True):
    """How answers of one model, or of all whose names fit a glob, are generated."""
