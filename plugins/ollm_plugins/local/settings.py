"""What can be set about the embedded engine?"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class LocalSettings(Struct, frozen=True):
    """The section `providers.local`."""

    # A path may stand here, so no project's file may set it: the engine would parse what it names.
    model: Annotated[
        str,
        Setting(
            "The model to use when none is named: a name, or the path of a .gguf file; empty for the built-in one.",
            env=("OLLM_LOCAL_MODEL",),
            project=False,
            completes="model",
        ),
    ] = ""
    threads: Annotated[
        int, Setting("Threads that compute; 0 for one less than there are processor cores.", ge=0, le=512)
    ] = 0
