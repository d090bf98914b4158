"""What stands between a conversation with tools and the provider?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from ollm.api import Event, Finished, Notice, StreamContext, TextDelta, replace
from ollm_plugins.tools.offering import known

_NO_TOOLS: Final = "An answer that must have a given form cannot be a tool's call, so no tools are offered."


def through(stream: StreamContext) -> AsyncIterator[Event] | None:
    """Return the events of a request that offers tools; None leaves any other request alone."""
    request, turn = stream.request, stream.turn
    if not request.tools:
        return None
    if not known(turn.host.services).covers(request.model, turn.provider):
        return _watched(stream)
    if request.schema is None:
        return _written(stream)
    turn.host.notify(Notice("tools-left-out", _NO_TOOLS))
    return stream.send(replace(request, tools=()))


async def _watched(stream: StreamContext) -> AsyncGenerator[Event, None]:
    """Pass all events on; before the last, say if the answer is a call that the server took for text."""
    from ollm_plugins.tools.astext import Opening

    opening = Opening([tool.name for tool in stream.request.tools])
    async with aclosing(stream.send(stream.request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                opening.take(event.text)
            elif isinstance(event, Finished) and (notice := opening.verdict(event.reason)):
                yield notice
            yield event


async def _written(stream: StreamContext) -> AsyncGenerator[Event, None]:
    """Send a request whose tools are described in words, and read calls out of the JSON that comes."""
    from ollm_plugins.tools.fallback import rewritten
    from ollm_plugins.tools.reading import Reading

    reading = Reading()
    async with aclosing(stream.send(rewritten(stream.request))) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                if text := reading.take(event.text):
                    yield TextDelta(text)
                continue
            if isinstance(event, Finished):
                for last in reading.end(event.reason):
                    yield last
            yield event
