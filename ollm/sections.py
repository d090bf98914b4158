"""Which settings are the kernel's own?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated

from msgspec import Struct

from ollm.contributions import Setting


class ModelSettings(Struct, frozen=True):
    """Which model answers."""

    default: Annotated[
        str | None,
        Setting("The model that answers.", env=("OLLM_MODEL",), flags=("--model", "-m"), completes="model"),
    ] = None
    provider: Annotated[
        str | None,
        Setting(
            "The provider that is asked; without one, the first that answers.",
            env=("OLLM_PROVIDER",),
            flags=("--provider",),
            completes="provider",
        ),
    ] = None


class ChatSettings(Struct, frozen=True):
    """How a turn is held."""

    system_prompt: Annotated[
        str | None, Setting("What the model is told before the conversation.", flags=("--system", "-s"))
    ] = None
    max_tool_rounds: Annotated[
        int, Setting("How often in one turn a model may call tools before it must answer.", ge=1)
    ] = 8


class PluginsSettings(Struct, frozen=True):
    """Which plugins are loaded."""

    disabled: Annotated[
        tuple[str, ...], Setting("Plugins that are not loaded.", env=("OLLM_PLUGINS_DISABLED",), project=False)
    ] = ()
