"""Which settings say what is kept of conversations?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class SessionsSettings(Struct, frozen=True):
    """Conversations that are kept."""

    save: Annotated[
        bool,
        Setting(
            "Whether conversations are kept; --no-save keeps none in this run.",
            env=("OLLM_SESSIONS_SAVE",),
            project=False,
        ),
    ] = True
