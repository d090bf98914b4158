"""How full is the context after a turn?"""

from __future__ import annotations

from ollm.api import EventContext, Finished, Notice, RewindContext, StatusContext
from ollm_plugins.context.views import known


def on_event(context: EventContext) -> None:
    """Say why an answer has ended, when the context is full: it is not the token limit then."""
    if not isinstance(context.event, Finished) or context.turn.aside or context.event.reason != "length":
        return
    sent = known(context.turn.host.services).sent.get(context.turn.conversation)
    if sent is not None and _filled(context):
        text = f"The answer has filled the context of {sent.size:,} tokens; /context compact makes room for more."
        context.turn.host.notify(Notice("context-filled", text))


def _filled(context: EventContext) -> bool:
    usage = context.event.usage if isinstance(context.event, Finished) else None
    size = context.request.options.context_size if context.request is not None else None
    if usage is None or not size:
        return False
    return (usage.prompt_tokens or 0) + (usage.completion_tokens or 0) >= size - 1


def on_rewind(context: RewindContext) -> None:
    """Forget what was cut off messages that are no longer there."""
    known(context.host.services).rewind(context.conversation, context.kept)


def render(context: StatusContext) -> str | None:
    """Return how full the context was in the last turn, in percent and in the server's own numbers."""
    turn = context.last_turn
    size = turn.options.context_size if turn is not None and turn.options is not None else None
    if turn is None or not size or turn.usage.prompt_tokens is None:
        return None
    taken = turn.usage.prompt_tokens + (turn.usage.completion_tokens or 0)
    return f"context {100 * taken / size:.0f}% ({taken:,}/{size:,})"
