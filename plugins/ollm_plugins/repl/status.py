"""What does the status bar show of who answers?"""

from __future__ import annotations

from ollm.api import SettingsError, StatusContext


def render(ctx: StatusContext) -> str | None:
    """Name provider and model; before the first turn, the model that is set."""
    if ctx.model:
        return f"{ctx.provider}/{ctx.model}"
    try:
        chosen = ctx.host.settings.get("model.default")
    except SettingsError:  # whoever answers says so
        return None
    return str(chosen) if chosen else None
