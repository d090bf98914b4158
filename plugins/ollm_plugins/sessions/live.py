"""What has come of a turn that is under way?

The loop that answers only hands events over; everything else is done by the thread that writes. Whatever the first
event of a turn would have to import delays it, so this module imports what it needs when it writes.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ollm.api import (
    Event,
    EventContext,
    Finished,
    Message,
    Notice,
    Progress,
    TextDelta,
    ThinkingDelta,
    ToolCall,
    ToolCalled,
    ToolDecided,
    ToolReturned,
    TurnRecord,
    Waiting,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ollm_plugins.sessions.kept import Draft

NO_RESULT = "The program ended before there was a result."
"""What a model is told of a tool call that was under way when the program was killed."""


class Live:
    """One turn.

    :param first: its first event
    """

    def __init__(self, first: EventContext) -> None:
        self.turn = first.turn
        self.folder = first.turn.host.workspace
        self.at = time.time()
        self._started = time.monotonic()
        sent = first.request.messages if first.request is not None else ()
        images = next((each.images for each in reversed(sent) if each.role == "user"), ())
        self._closed = [Message("user", first.turn.prompt, images)]
        self._arrived: deque[tuple[float, Event]] = deque()
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[ToolCall] = []
        self._results: dict[str, str] = {}
        self._notices: list[str] = []
        self._changed = True
        self.events: list[dict[str, Any]] = []

    @property
    def age(self) -> float:
        """Seconds since its first event."""
        return time.monotonic() - self._started

    def hear(self, event: Event) -> None:
        """Take an event in, at once."""
        self._arrived.append((time.monotonic(), event))

    def draft(self) -> Draft | None:
        """Return what is to be kept by now; None when `written` has said that it is."""
        from ollm_plugins.sessions.kept import Draft, KeptTurn, text_of

        self.fold()
        if not self._changed:
            return None
        turn = self.turn
        details = {"notices": self._notices, "events": self.events}
        messages = (*self._closed, *self._open())
        made = KeptTurn(turn.id, len(turn.messages), self.at, turn.provider, turn.model, "", messages, details=details)
        return Draft(turn.conversation, text_of(self.folder), turn.messages, made, turn.overrides.title)

    def written(self) -> None:
        """Hear that the last draft is kept."""
        self._changed = False

    def fold(self) -> None:
        """Take account of the events that have arrived."""
        while self._arrived:
            at, event = self._arrived.popleft()
            self._changed = True
            if isinstance(event, TextDelta | ThinkingDelta | ToolCalled):
                self._close_round()
            if isinstance(event, TextDelta):
                self._text.append(event.text)
            elif isinstance(event, ThinkingDelta):
                self._thinking.append(event.text)
            else:
                self._note(at - self._started, event)

    def _note(self, after: float, event: Event) -> None:
        if isinstance(event, ToolCalled):
            self._calls.append(event.call)
        elif isinstance(event, ToolReturned):
            self._results[event.call.id] = event.content
        elif isinstance(event, Notice):
            self._notices.append(event.text)
        if not isinstance(event, Waiting | Progress) or not self.events or self.events[-1]["type"] != event.type:
            self.events.append({"type": event.type, "after": round(after, 3), **_told_if_it_can_be(event)})

    def _close_round(self) -> None:
        """All tools have returned, and the model goes on: what came before is over."""
        if self._results and len(self._results) >= len(self._calls):
            self._closed += self._open()
            self._text, self._thinking, self._calls, self._results = [], [], [], {}

    def _open(self) -> list[Message]:
        """Return the messages of the answer under way; a call without any result yet is left out."""
        calls = tuple(self._calls) if self._results else ()
        text, thinking = "".join(self._text), "".join(self._thinking)
        if not (text or thinking or calls):
            return []
        results = [
            Message("tool", self._results.get(call.id, NO_RESULT), tool_call_id=call.id, tool_name=call.name)
            for call in calls
        ]
        return [Message("assistant", text, thinking=thinking, tool_calls=calls), *results]


def whole(record: TurnRecord, live: Live | None, folder: Path, at: float) -> Draft:
    """Return a turn that is over as it is kept."""
    from ollm_plugins.sessions.kept import Draft, KeptTurn, text_of

    context = record.context
    assert context is not None
    if live is not None:
        live.fold()
    details = {
        "usage": record.usage,
        "options": record.options,
        "overrides": context.overrides,
        "notices": record.notices,
        "events": live.events if live is not None else [],
    }
    turn = KeptTurn(
        record.id,
        len(context.messages),
        at,
        record.provider,
        record.model,
        record.reason,
        record.messages,
        record.seconds,
        record.first_token_seconds,
        {name: value for name, value in details.items() if value},
        record.tools,
    )
    return Draft(context.conversation, text_of(folder), context.messages, turn, context.overrides.title)


def _told_if_it_can_be(event: Event) -> dict[str, Any]:
    """Return the same as `_told`; where a plugin's event holds what none should, the turn is kept and says so here."""
    try:
        return _told(event)
    except Exception as error:  # noqa: BLE001  (whatever is wrong with one event, the turn is not lost for it)
        return {"problem": f"{type(error).__name__}: {error}"}


def _told(event: Event) -> dict[str, Any]:
    """Return what is kept of an event beside its type; what tools return stands in the messages."""
    from ollm_plugins.sessions.kept import clean

    if isinstance(event, ToolCalled | ToolReturned):
        return {"tool": clean(event.call.name), "call": event.call.id}
    if isinstance(event, ToolDecided):
        return {"tool": clean(event.call.name), "call": event.call.id, "allowed": event.allowed, "by": event.by}
    if isinstance(event, Notice):
        return {"code": event.code, "text": clean(event.text)}
    if isinstance(event, Finished):
        return {"reason": event.reason}
    return {"text": clean(str(getattr(event, "text", "") or getattr(event, "subject", "")))}
