"""What does the status bar show of routing?"""

from __future__ import annotations

from ollm.api import SettingsError, StatusContext
from ollm_plugins.routing.active import active


def render(ctx: StatusContext) -> str | None:
    """Name the profile in force while routing is on."""
    try:
        wanted = active(ctx.host.settings)
    except SettingsError:  # whoever answers says so
        return None
    return f"route {wanted.profile}" if wanted.on else None
