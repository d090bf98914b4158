"""What does keeping models have to do with a turn?

Each request says how long its model stays, so that an idle model goes after its time even if ollm is gone by then.
While a turn is under way nothing else is asked of a server.
"""

from __future__ import annotations

from ollm.api import ChatRequest, TurnContext, TurnRecord, replace
from ollm_plugins.keepalive.keeper import keeper_of


async def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Say how long the model stays in memory, unless the user does so under the provider's own name for it.

    :raises SettingsError: the time-out is none
    """
    keeper = keeper_of(turn.host)
    if not keeper.settings.enabled:
        return request
    await keeper.begin(turn.id, turn.provider, request.model, request.options.context_size)
    if request.options.keep_alive is not None or "keep_alive" in request.options.extra:
        return request
    lasting = keeper.lasting(turn.provider, request.model)
    return replace(request, options=replace(request.options, keep_alive=lasting))


def note(turn: TurnRecord) -> None:
    """Note that a turn is over, however it ended."""
    if turn.context is not None:
        keeper_of(turn.context.host).end(turn.id)
