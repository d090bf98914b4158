"""Which models could be meant by what is being typed?"""

from __future__ import annotations

from ollm.api import CompletionContext, ModelManagement, OllmError
from ollm_plugins.models.service import ModelService


def models(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the models as they were listed last, and whose they are; nobody is asked while the user types."""
    service = context.host.services.find(ModelManagement)
    if not isinstance(service, ModelService):
        return []
    try:
        known = service.remembered()
    except OllmError:  # the chosen provider does not exist, which the command itself will say
        return []
    return [(model.name, provider) for provider, model in known if model.name.startswith(context.typed)]
