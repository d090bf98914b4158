"""Has the server read all that was sent?"""

from __future__ import annotations

from typing import Final

from ollm.api import Finished, LoadsModels, Notice, OllmError, ProviderAccess, TurnContext, same_model
from ollm_plugins.context.views import Sent

CERTAIN: Final = 100
"""Tokens that must be missing at least before anybody is alarmed."""


async def lost(finished: Finished, sent: Sent, turn: TurnContext) -> Notice | None:
    """Return an alarm when the server has read less than was sent, because its context is smaller than was asked for.

    A server that counts only what it had not read before, and an estimate that is wrong, are no alarm: what decides is
    the context with which the server says that the model is in memory.
    """
    read = finished.usage.prompt_tokens
    if read is None or sent.least - read < CERTAIN:
        return None
    allocated = await _allocated(turn)
    if allocated is None or allocated >= sent.tokens:
        return None
    text = (
        f"The server has read only {read:,} of about {sent.tokens:,} tokens, so the beginning was lost: it gives "
        f"{turn.model} a context of {allocated:,}, not the {sent.size:,} that were asked for. /context compact makes room."
    )
    return Notice("context-lost", text)


async def _allocated(turn: TurnContext) -> int | None:
    """Return the context size with which the model is in memory; None when nobody says."""
    access = turn.host.services.find(ProviderAccess)
    assert access is not None, "the kernel provides it"
    owned = access.entry(turn.provider)
    provider = access.make(owned)
    if not isinstance(provider, LoadsModels):
        return None
    try:
        loaded = await access.ask(owned, lambda _: provider.loaded_models())
    except OllmError:  # the answer has come; nothing is known of how much was read
        return None
    return next((each.context_size for each in loaded if same_model(each.name, turn.model)), None)
