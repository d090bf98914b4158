"""Which models could be meant by what is being typed?"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from ollm.api import CompletionContext, ModelManagement, OllmError
from ollm_plugins.models.service import ModelService

if TYPE_CHECKING:
    from ollm.api import HostContext, ModelInfo

PATIENCE: Final = 0.5
"""Seconds that the first list of models may take."""

AGAIN: Final = 5.0
"""Seconds after which a server that was late is waited for again."""


def models(context: CompletionContext) -> list[tuple[str, str]]:
    """Return the models as they were listed last, and whose they are; nobody is asked, unless none ever was."""
    service = context.host.services.find(ModelManagement)
    if not isinstance(service, ModelService):
        return []
    try:
        known = service.remembered() or _asked(service)
    except OllmError:  # nobody can be asked, or the chosen provider does not exist: the command itself will say so
        return []
    return [(model.name, provider) for provider, model in known if model.name.startswith(context.typed)]


def _asked(service: ModelService) -> list[tuple[str, ModelInfo]]:
    """List the models on the event loop of the conversation, if there is one; this is another thread.

    :raises OllmError: nobody can be asked
    """
    if service.loop is None:
        return []
    listing = service.first_list
    if listing is None or listing.done():
        listing = service.first_list = asyncio.run_coroutine_threadsafe(service.list_models(), service.loop)
    try:
        listing.result(PATIENCE if time.monotonic() > service.was_late + AGAIN else 0)
    except TimeoutError:  # it goes on, and the next one who asks will know
        service.was_late = time.monotonic()
        return []
    return service.remembered()


async def stand_by(ctx: HostContext) -> None:
    """Make known on which event loop providers can be asked."""
    service = ctx.services.find(ModelManagement)
    if isinstance(service, ModelService):
        service.loop = asyncio.get_running_loop()
