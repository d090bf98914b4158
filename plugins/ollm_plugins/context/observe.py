"""How full is the context after a turn?"""

from __future__ import annotations

from ollm.api import CONTEXT_FULL, EventContext, Finished, Notice, RewindContext, StatusContext, TurnRecord
from ollm_plugins.context.lost import learn
from ollm_plugins.context.views import known


def on_event(context: EventContext) -> None:
    """Learn how the server counts; say why an answer has ended, when the context is full: it is not the token limit then."""
    event, turn = context.event, context.turn
    views = known(turn.host.services)
    if isinstance(event, Notice) and event.code == CONTEXT_FULL:
        views.full = turn.id
    if not isinstance(event, Finished) or turn.aside:
        return
    sent = views.sent.get(turn.conversation)
    if sent is not None and sent.turn.id == turn.id:
        learn(event.usage, sent, views)
    if event.reason != "length" or views.full == turn.id:
        return
    given = context.request.options.context_size if context.request is not None else None
    size = max(given, sent.size) if given and sent is not None else given
    if size and (event.usage.prompt_tokens or 0) + (event.usage.completion_tokens or 0) >= size - 1:
        text = f"The answer has filled the context of {size:,} tokens; /context compact makes room for more."
        turn.host.notify(Notice(CONTEXT_FULL, text))


def on_turn(record: TurnRecord) -> None:
    """Send again with the next prompt what was left out for an answer of which nothing came, whoever has ended it."""
    turn = record.context
    if turn is None or turn.aside:
        return
    views = known(turn.host.services)
    if not views.is_unproven(turn):
        return
    del views.unproven[turn.conversation]
    views.undo(turn.conversation)
    text = "Nothing was answered, so that what was left out is sent again with the next prompt."
    turn.host.notify(Notice("context-taken-back", text))


def on_rewind(context: RewindContext) -> None:
    """Forget what was cut off messages that are no longer there."""
    known(context.host.services).rewind(context.conversation, context.kept)


def render(context: StatusContext) -> str | None:
    """Return how full the context was in the last turn, in the server's own numbers; by the estimate if it says none."""
    turn = context.last_turn
    size = turn.options.context_size if turn is not None and turn.options is not None else None
    if turn is None or not size:
        return None
    sent = known(context.host.services).sent.get(turn.context.conversation) if turn.context is not None else None
    sent = sent if sent is not None and sent.turn is turn.context else None
    size = max(size, sent.size) if sent is not None else size
    if turn.usage.prompt_tokens is not None:
        taken = turn.usage.prompt_tokens + (turn.usage.completion_tokens or 0)
        return f"context {100 * taken / size:.0f}% ({taken:,}/{size:,})"
    return f"context ~{100 * sent.tokens / size:.0f}% (~{sent.tokens:,}/{size:,})" if sent is not None else None
