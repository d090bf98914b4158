"""When is there something to learn? When an answer is over, and its server says how long the prompt was."""

from __future__ import annotations

from ollm.api import EventContext, Finished, TokenCounter


def on_event(ctx: EventContext) -> None:
    """Pass on what a server counted; called for each piece of an answer, so all else is left out at once."""
    event = ctx.event
    if not isinstance(event, Finished) or ctx.request is None or not event.usage.prompt_tokens:
        return
    from ollm_plugins.tokens.counter import Counter

    counter = ctx.turn.host.services.find(TokenCounter)
    if isinstance(counter, Counter):  # a stranger's may be in its place
        counter.learn(ctx.request, ctx.turn.provider, event.usage.prompt_tokens)
