"""Which facts about models can the user set?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated, Literal

from msgspec import Struct

from ollm.api import Setting

Capability = Literal["tools", "vision", "streaming", "thinking", "embedding"]


class LimitsSettings(Struct, frozen=True):
    """What models of this name can do; what is not set is asked of the server, then looked up in the database."""

    context_window: Annotated[int | None, Setting("Context window in tokens.", ge=1)] = None
    max_output_tokens: Annotated[int | None, Setting("Longest answer in tokens.", ge=1)] = None
    capabilities: Annotated[
        tuple[Capability, ...] | None,
        Setting("All that they can do, of tools, vision, streaming, thinking, embedding."),
    ] = None
    family: Annotated[str | None, Setting('Family, as a server says it, e.g. "llama".')] = None
    profiles: Annotated[
        tuple[str, ...] | None, Setting("Routing profiles that they suit.", completes="routing-profile")
    ] = None
