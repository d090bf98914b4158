"""Which settings say what happens when a conversation outgrows its context?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated, Literal

from msgspec import Struct

from ollm.api import Setting


class ContextSettings(Struct, frozen=True):
    """How a conversation is kept within the context."""

    on_overflow: Annotated[
        Literal["compact", "drop", "stop", "grow"],
        Setting(
            "What happens when a conversation no longer fits: the oldest turns are summarized by the same model "
            "(compact) or left out (drop), nothing is sent (stop), or a context size that you have set is raised as far "
            "as the model allows, and only then compacted (grow).",
            env=("OLLM_CONTEXT_ON_OVERFLOW",),
        ),
    ] = "compact"
    warn_at: Annotated[
        int, Setting("From how many percent of the context on it is said, once, how full it is.", ge=1, le=100)
    ] = 80
    summary_tokens: Annotated[int, Setting("How long a summary may be, in tokens.", ge=50, le=8000)] = 400
