"""What is heard of turns?"""

from __future__ import annotations

from ollm.api import ConversationRecords, EventContext, HostContext, RewindContext, TurnRecord
from ollm_plugins.sessions.service import Sessions


def on_event(context: EventContext) -> None:
    """Hear an event."""
    found = _sessions(context.turn.host)
    if found is not None:
        found.recorder.hear(context)


def on_turn(turn: TurnRecord) -> None:
    """Hear how a turn has ended."""
    found = _sessions(turn.context.host) if turn.context is not None else None
    if found is not None:
        found.recorder.take(turn)


def on_rewind(context: RewindContext) -> None:
    """Hear that messages were taken back."""
    found = _sessions(context.host)
    if found is not None:
        found.recorder.rewind(context)


def _sessions(host: HostContext) -> Sessions | None:
    """Return the room's service, unless another plugin keeps conversations in its place."""
    found = host.services.find(ConversationRecords)
    return found if isinstance(found, Sessions) else None
