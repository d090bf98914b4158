"""How does a request come to fit into its context, before it is sent and when the provider refuses it?"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from ollm.api import (
    ChatRequest,
    ContextOverflow,
    Event,
    Finished,
    Notice,
    OllmError,
    StreamContext,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    TurnContext,
    replace,
)
from ollm_plugins.context.grow import SPARE
from ollm_plugins.context.lost import lost
from ollm_plugins.context.measure import scales_of
from ollm_plugins.context.settings import ContextSettings
from ollm_plugins.context.views import Sent, Views, known, restored

if TYPE_CHECKING:
    from ollm_plugins.context.measure import Measured

NEAR: Final = 0.5
"""A prompt that takes less of its context than this, by the estimate, is not refused for its length."""

SMALL: Final = 1500
"""Tokens of a prompt that every server has room for, whatever context it was asked for: Ollama gives at least 2048."""

ANSWERED: Final = (TextDelta, ThinkingDelta, ToolCalled, Finished)
"""What shows that a request was taken; a model that is being loaded is none of it."""

ERROR: Final = 0.1
"""How wrong an estimate may be before it has learned."""


async def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Leave out what was cut off the conversation, and cut more if it does not fit.

    :raises OllmError: it does not fit, and nothing is to be left out
    """
    if turn.aside:
        return request
    views = known(turn.host.services)
    scales = scales_of(turn)
    if scales is None:
        return request
    request = views.as_grown(request, turn)
    now = await scales.measured(views.applied(request, turn))
    if not now.fits:
        from ollm_plugins.context.overflow import Overflow

        now = await Overflow(scales, views).fitted(request, now)
    _remember(views, turn, now)
    _tell(views, turn, now)
    return now.request


def _remember(views: Views, turn: TurnContext, now: Measured) -> None:
    error = 2 * (ERROR if now.prompt.error is None else now.prompt.error)
    least = now.tokens if now.prompt.exact else round(now.tokens * max(1 - error, 0.5))
    window = now.window
    views.sent[turn.conversation] = Sent(turn, now.request, now.tokens, least, window.size, window.limit, window.chosen)


def _tell(views: Views, turn: TurnContext, now: Measured) -> None:
    """Say that the context fills, when that begins."""
    percent = 100 * now.tokens / now.window.size
    above = percent >= turn.host.settings.section(ContextSettings).warn_at and _cannot_grow(now)
    if views.crosses(turn.conversation, above=above):
        text = f"The context is {percent:.0f}% full ({now.tokens:,} of {now.window.size:,} tokens); /context shows of what."
        turn.host.notify(Notice("context-fills", text))


def _cannot_grow(now: Measured) -> bool:
    """Whether the next turns get no larger context by themselves."""
    return now.window.chosen or now.window.limit is None or now.window.size >= now.window.limit


def stream(context: StreamContext) -> AsyncIterator[Event] | None:
    """Stand in for a request that may be longer than estimated; None for one that surely fits."""
    turn, request = context.turn, context.request
    size = request.options.context_size
    views = known(turn.host.services)
    sent = views.sent.get(turn.conversation)
    if turn.aside or sent is None or not size:
        return None
    if sent.tokens < min(size * NEAR, SMALL) and not views.is_unproven(turn):
        return None
    return _again(context, sent)


async def _again(context: StreamContext, sent: Sent) -> AsyncIterator[Event]:
    """Send a request; if the provider counts more tokens than the context has, cut by its count, and send again.

    It is said if the server has not read all of it.

    :raises OllmError: it does not fit then either, or nothing is to be left out
    """
    request, turn = context.request, context.turn
    views, refused = known(turn.host.services), None
    while True:
        try:
            if refused is not None:
                request = _larger(context, sent, refused) or await _shorter(context, sent, refused)
                sent = views.sent[turn.conversation]
            async with aclosing(context.send(request)) as events:
                async for event in events:
                    if views.is_unproven(turn) and isinstance(event, ANSWERED):
                        del views.unproven[turn.conversation]
                    if isinstance(event, Finished) and (notice := await lost(event, sent, turn)):
                        yield notice
                    yield event
            return
        except OllmError as error:
            if refused is not None or not isinstance(error, ContextOverflow):
                raise
            refused = error


def _larger(context: StreamContext, sent: Sent, error: ContextOverflow) -> ChatRequest | None:
    """Return a request with a larger context, where the user has set none and the model can take it."""
    if sent.chosen or sent.limit is None or error.needed >= sent.limit:
        return None
    size = max(error.size, 1)  # a server may say anything
    while size < min(error.needed * SPARE, sent.limit):
        size *= 2
    size = min(size, sent.limit)
    text = f"The prompt has {error.needed:,} tokens, more than estimated: the context becomes {size:,} tokens."
    turn = context.turn
    turn.host.notify(Notice("context-grown", text))
    known(turn.host.services).sent[turn.conversation] = replace(
        sent, tokens=error.needed, least=error.needed, size=size
    )
    return replace(context.request, options=replace(context.request.options, context_size=size))


async def _shorter(context: StreamContext, sent: Sent, error: ContextOverflow) -> ChatRequest:
    """Return a request from which as much is cut as the provider's count demands.

    :raises OllmError: it does not fit then either, or nothing is to be left out
    """
    turn = context.turn
    views = known(turn.host.services)
    scales = scales_of(turn, error.needed / max(sent.tokens, 1))
    if scales is None:
        raise error
    from ollm_plugins.context.overflow import Overflow

    now = await scales.measured(context.request)
    now = await Overflow(scales, views).fitted(_whole(context.request, views, turn), now)
    _remember(views, turn, now)
    options = replace(context.request.options, context_size=now.window.size)
    return replace(now.request, options=options)


def _whole(request: ChatRequest, views: Views, turn: TurnContext) -> ChatRequest:
    """Return a request with all messages of its conversation, what is cut off included."""
    cuts = views.cuts(turn.conversation)
    if not cuts:
        return request
    return restored(request, cuts[-1], turn.messages)
