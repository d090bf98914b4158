"""What can be set about how long models stay in memory?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting
from ollm_plugins.keepalive.durations import FORM, LONGEST, PATTERN


class KeepAliveSettings(Struct, frozen=True):
    """How long models stay in memory."""

    enabled: Annotated[
        bool, Setting("Whether ollm says how long models stay in memory, and keeps some there; else servers decide.")
    ] = True
    models: Annotated[
        tuple[str, ...],
        Setting("Models that stay in memory while a conversation at the terminal lives.", completes="model"),
    ] = ()
    # 300 s is what a server takes that is not told a time.
    timeout: Annotated[
        int | str,
        Setting(
            'How long a model stays after its last use: seconds, "10m", 0 for not at all, or "forever".',
            ge=-1,
            le=LONGEST,
            pattern=PATTERN,
            form=FORM,
        ),
    ] = 300
    timeouts: Annotated[
        dict[str, int | str],
        Setting(
            "The same for single models, by name or glob; the most specific that fits holds.",
            ge=-1,
            le=LONGEST,
            pattern=PATTERN,
            form=FORM,
        ),
    ] = {}
