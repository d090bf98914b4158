"""What can be set about tools?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated, Literal

from msgspec import Struct

from ollm.api import Setting


class CallsSettings(Struct, frozen=True):
    """Which tools models are offered."""

    offer: Annotated[
        Literal["auto", "all", "none"],
        Setting(
            "Tools that models are offered: all, none, or auto, which keeps tools with a risk to conversations.",
            env=("OLLM_TOOLS",),
            flags=("--tools",),
            project=False,
        ),
    ] = "auto"
    disabled: Annotated[
        tuple[str, ...], Setting("Names of tools that are never offered.", project=False, completes="tool")
    ] = ()
    fallback: Annotated[
        bool,
        Setting(
            "Whether models that cannot call tools are asked to write calls as JSON, which a schema holds them to.",
            env=("OLLM_TOOLS_FALLBACK",),
            project=False,
        ),
    ] = False


class ResultSettings(Struct, frozen=True):
    """What results of tools may cost."""

    max_tokens: Annotated[
        int,
        Setting(
            "How many tokens of a tool's result a model gets, at most; the whole is kept in a file.",
            env=("OLLM_TOOLS_RESULTS_MAX_TOKENS",),
            project=False,
            ge=100,
            le=1_000_000,
        ),
    ] = 4000
