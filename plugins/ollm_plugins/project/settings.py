"""Which settings say what projects may do by themselves?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from dataclasses import dataclass
from typing import Annotated

from ollm.api import Setting


@dataclass(frozen=True)
class ProjectSettings:
    """What happens in a project's folder."""

    detect: Annotated[
        bool,
        Setting(
            "Whether the type of a project, as its files show it, picks a profile.",
            env=("OLLM_PROJECT_DETECT",),
            project=False,
        ),
    ] = True
