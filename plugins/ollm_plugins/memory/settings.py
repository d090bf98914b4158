"""Which settings say how much of what is remembered goes into a prompt, and what a model may do?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class MemorySettings(Struct, frozen=True):
    """What is remembered across sessions."""

    enabled: Annotated[
        bool,
        Setting(
            "Whether prompts get what is remembered, and models may have things remembered.",
            env=("OLLM_MEMORY",),
        ),
    ] = True
    token_budget: Annotated[
        int,
        Setting(
            "How many tokens of a prompt what is remembered may take, at most; 0 for none.",
            env=("OLLM_MEMORY_TOKEN_BUDGET",),
            ge=0,
            le=100_000,
        ),
    ] = 500
    tools: Annotated[
        bool,
        Setting(
            "Whether models are offered `remember` and `recall`, as other tools are.",
            env=("OLLM_MEMORY_TOOLS",),
            project=False,
        ),
    ] = True
