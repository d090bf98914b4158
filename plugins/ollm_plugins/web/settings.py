"""Which settings say what a model may fetch? None of them is a project's to set.

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated, Any

from msgspec import Struct

from ollm.api import Setting


def _mistake(entries: Any) -> str:
    """Say what is wrong with a list of hosts and networks."""
    from ollm_plugins.web.guard import mistake

    return next(filter(None, map(mistake, entries)), "")


class WebSettings(Struct, frozen=True):
    """What models may fetch."""

    allow_private: Annotated[
        tuple[str, ...],
        Setting(
            'Hosts and networks that may be fetched from although they are private, e.g. ["localhost", "10.0.0.0/8"].',
            project=False,
            check=_mistake,
        ),
    ] = ()
    timeout: Annotated[float, Setting("Seconds that one page may take, in all.", project=False, gt=0)] = 20.0
    max_bytes: Annotated[
        int, Setting("How much of a page is read, in bytes; the rest is cut off.", project=False, ge=1, le=100_000_000)
    ] = 5_000_000
    max_characters: Annotated[
        int, Setting("How much of a page a model gets when it does not say, in characters.", project=False, ge=1)
    ] = 20_000
