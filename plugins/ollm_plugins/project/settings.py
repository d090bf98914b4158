"""Which settings say what projects may do by themselves?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class ProjectSettings(Struct, frozen=True):
    """What happens in a project's folder."""

    detect: Annotated[
        bool,
        Setting(
            "Whether the type of a project, as its files show it, picks a profile.",
            env=("OLLM_PROJECT_DETECT",),
            project=False,
        ),
    ] = True
