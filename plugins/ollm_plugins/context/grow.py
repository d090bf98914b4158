"""How far may a context that the user has set be raised?"""

from __future__ import annotations

from typing import Final

from ollm.api import GenerationOptions, ModelMemory, Notice, OllmError, TurnContext, replace, tagged
from ollm_plugins.context.measure import Measured, room_in

SPARE: Final = 1.25
"""A context that grows gets room for so many times its prompt, so that it need not grow again at once."""


async def grown(turn: TurnContext, now: Measured) -> GenerationOptions:
    """Return the options with a context in which a request fits, as far as the model and memory allow."""
    options, window = now.request.options, now.window
    if not window.chosen or window.limit is None or window.size >= window.limit:
        return options
    size = window.size
    while size < window.limit and now.tokens * SPARE > room_in(size, options.max_tokens):
        size *= 2
    size = min(size, window.limit)
    while size > window.size and (lacking := await _lacking(turn, size)):
        turn.host.notify(Notice("context-not-grown", f"A context of {size:,} tokens does not fit: {lacking}."))
        size //= 2
    if size <= window.size:
        return options
    text = f"The context grows from {window.size:,} to {size:,} tokens, for a prompt of {now.tokens:,}."
    turn.host.notify(Notice("context-grown", text))
    return replace(options, context_size=size)


async def _lacking(turn: TurnContext, size: int) -> str:
    """Say why a model does not fit into memory with a context; empty when it does, or nobody knows."""
    memory = turn.host.services.find(ModelMemory)
    if memory is None:
        return ""
    names = (turn.model, tagged(turn.model))
    try:
        estimate = await memory.estimate([(turn.provider, name) for name in names], size)
    except OllmError:  # nobody knows; the server will say it
        return ""
    need = next((estimate.needs[key] for name in names if (key := f"{turn.provider}/{name}") in estimate.needs), None)
    if estimate.room is None or estimate.guessed or need is None or need.bytes is None or not need.here:
        return ""
    if need.bytes <= estimate.room:
        return ""
    return f"{turn.model} would take about {need.bytes / 1e9:.1f} of {estimate.room / 1e9:.1f} GB {estimate.kind}"
