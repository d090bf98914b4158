"""What can be set about routing?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated, Literal

from msgspec import Struct

from ollm.api import Setting


class RoutingSettings(Struct, frozen=True):
    """Whether and how a model is chosen for each turn."""

    enabled: Annotated[
        bool | None,
        Setting("Whether a model is chosen for each turn; without a value, as soon as a profile is chosen."),
    ] = None
    default_profile: Annotated[
        str,
        Setting(
            'The routing profile, e.g. "general"; "auto" takes one by the prompt.',
            env=("OLLM_PROFILE",),
            flags=("--profile",),
            completes="routing-profile",
        ),
    ] = "general"
    overrides: Annotated[
        dict[str, str],
        Setting("The model that answers in a profile if it can do what is needed, by profile.", completes="model"),
    ] = {}
    cloud: Annotated[
        bool, Setting("Whether a model on other people's servers may be chosen without being named.", project=False)
    ] = False
    vram_gb: Annotated[
        float | None,
        Setting("Memory of the GPU in GB, 0 for none; without a value, what loaded models tell.", project=False, ge=0),
    ] = None


class ProfileSettings(Struct, frozen=True):
    """A rule for choosing a model for a kind of work."""

    description: Annotated[str, Setting("What it is for, in one line.")] = ""
    preferred_families: Annotated[
        tuple[str, ...], Setting('Families of models as servers say them, e.g. "llama", the best first.')
    ] = ()
    min_context_window: Annotated[int, Setting("Least context window, in tokens.", ge=0)] = 0
    required_capabilities: Annotated[
        tuple[Literal["tools", "vision", "thinking", "streaming", "embedding"], ...],
        Setting("What a model must be able to do."),
    ] = ()
    fallback_profile: Annotated[
        str | None,
        Setting(
            "Whose choice is taken when no model qualifies, or none is of these families.", completes="routing-profile"
        ),
    ] = "general"
