"""Which project profiles could be meant by what is being typed?"""

from __future__ import annotations

from ollm.api import CompletionContext
from ollm_plugins.project.inforce import profiles


def project_profiles(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the profiles, each with what it is for."""
    known = profiles(context.host).values()
    return [(each.name, each.description) for each in known if each.name.startswith(context.typed)]
