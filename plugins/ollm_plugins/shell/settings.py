"""Which settings say how a model's commands are run? None of them is a project's to set.

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

import os
from typing import Annotated, Literal

from msgspec import Struct

from ollm.api import Setting


def _unclear(hide: tuple[str, ...]) -> str:
    """Say which entry means no place, or another one wherever the user works, so that nothing would be hidden."""
    wrong = [each for each in hide if "\0" in each or not os.path.isabs(os.path.expanduser(each))]  # noqa: PTH111, PTH117  (the user of a ~ may be unknown)
    return f"{wrong[0]!r} is no absolute path, nor does it begin with ~/" if wrong else ""


class ShellSettings(Struct, frozen=True):
    """How commands of models are run."""

    timeout: Annotated[
        float, Setting("Seconds after which a command is ended, when the model says nothing.", project=False, gt=0)
    ] = 120.0
    max_timeout: Annotated[float, Setting("Seconds that a model may ask for, at most.", project=False, gt=0)] = 600.0
    sandbox: Annotated[
        Literal["none", "bwrap"],
        Setting(
            "`bwrap` runs commands with bubblewrap: without network, and nothing but the workspace can be written.",
            env=("OLLM_TOOLS_SHELL_SANDBOX",),
            project=False,
        ),
    ] = "none"
    pass_env: Annotated[
        tuple[str, ...],
        Setting('Variables that commands get although they look like secrets, e.g. ["NPM_TOKEN"].', project=False),
    ] = ()
    hide: Annotated[
        tuple[str, ...],
        Setting(
            "Files and folders that a sandbox hides, beside the usual places of secrets.",
            project=False,
            check=_unclear,
            completes="path",
        ),
    ] = ()
