"""Has the server read all that was sent?"""

from __future__ import annotations

from typing import Final

import msgspec

from ollm.api import Finished, LoadsModels, Message, Notice, OllmError, ProviderAccess, TurnContext, Usage, same_model
from ollm_plugins.context.views import Counted, Sent, Views, known

CERTAIN: Final = 100
"""Tokens that must be missing at least before anybody is alarmed."""

WARM: Final = 0.1
"""Seconds of loading below which a model was in memory already, with what it had read: Ollama's recorded answers say
0.006 s at most then, and 0.5 s at least for the smallest model that is loaded."""

PROOFS: Final = 2
"""How often a server must have counted what it had read before, until its counts are believed."""

_TEMPLATE: Final = 300
"""Tokens that a template may add: the longest default system prompts in Ollama's library."""


async def lost(finished: Finished, sent: Sent, turn: TurnContext) -> Notice | None:
    """Return an alarm when the server has read less than was sent, because its context is smaller than was asked for.

    A server that counts only what it had not read before, and an estimate that is wrong, are no alarm: what decides is
    the context with which the server says that the model is in memory. If it says none, its own counts do; see `learn`.
    """
    read = finished.usage.prompt_tokens
    if read is None or sent.least - read < CERTAIN:
        return None
    allocated = await _allocated(turn)
    if allocated is None and _is_short(read, sent, known(turn.host.services)):
        why = f"it seems to give {turn.model} a smaller context than the {sent.size:,} that were asked for"
    elif allocated is not None and allocated < sent.tokens:
        why = f"it gives {turn.model} a context of {allocated:,}, not the {sent.size:,} that were asked for"
    else:
        return None
    text = f"The server has read only {read:,} of about {sent.tokens:,} tokens, so the beginning was lost: {why}."
    return Notice("context-lost", f"{text} /context compact makes room.")


def learn(usage: Usage, sent: Sent, views: Views) -> None:
    """Learn whether a server counts what it had read before, and how long a conversation is at least, by its counts.

    It does when it counts more tokens than what is new has characters, although it had kept the rest.
    """
    turn, read = sent.turn, usage.prompt_tokens
    if read is None:
        return
    new, before = _new(sent, views), views.counted.get(turn.conversation)
    if new is None or before is None:
        views.counted[turn.conversation] = Counted(sent, read)
        return
    views.counted[turn.conversation] = Counted(sent, max(read, before.least + _least(new)))
    kept = usage.load_seconds is not None and usage.load_seconds < WARM
    if kept and read > len(msgspec.json.encode(new)) + _TEMPLATE:
        views.proofs[turn.provider] = views.proofs.get(turn.provider, 0) + 1


def _is_short(read: int, sent: Sent, views: Views) -> bool:
    """Whether a server that counts everything has counted less than it did before of a part of the same."""
    new, before = _new(sent, views), views.counted.get(sent.turn.conversation)
    if new is None or before is None or views.proofs.get(sent.turn.provider, 0) < PROOFS:
        return False
    return before.least + _least(new) - read >= CERTAIN


def _new(sent: Sent, views: Views) -> tuple[Message, ...] | None:
    """Return what is new since the last request that was counted; None when this one does not go on from it.

    Thoughts make them differ: templates leave them out when a new turn begins.
    """
    before = views.counted.get(sent.turn.conversation)
    if before is None or any(each.thinking for each in sent.request.messages):
        return None
    now, then = sent.request, before.sent.request
    if (sent.turn.provider, now.model, now.tools) != (before.sent.turn.provider, then.model, then.tools):
        return None
    at = len(then.messages)
    return now.messages[at:] if now.messages[:at] == then.messages else None


def _least(new: tuple[Message, ...]) -> int:
    """Return how many tokens messages surely have: one for each word."""
    return sum(len(each.content.split()) for each in new)


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
