"""What is kept of a conversation?"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ollm.api import Message, ToolCall, ToolRecord, local_time

TITLE = 60
"""Characters of a title that is made from the first prompt."""
UNSAVED = "earlier"
"""Reason of a turn that stands for messages which were not kept when they came."""


class KeptSession(Struct, frozen=True):
    """A conversation.

    :param created: seconds since 1970, as `updated`
    :param folder: where it was begun
    :param project: the repository that the folder is in, else the folder
    :param model: of its last turn, as "provider/model"
    :param turns: how many have had an answer and were not taken back
    :param parent: the session that it was forked from
    """

    id: str
    title: str
    created: float
    updated: float
    folder: str
    project: str
    model: str = ""
    turns: int = 0
    parent: str = ""


class KeptTurn(Struct, frozen=True):
    """A turn.

    :param start: how many messages stood before it
    :param at: seconds since 1970 at which it began
    :param reason: how it ended; empty while it is under way, or when its program was killed
    :param seconds: wall time, as `first_token`
    :param details: usage, options, notices, events: what nobody searches in
    :param gone: whether it was taken back
    """

    id: str
    start: int
    at: float
    provider: str
    model: str
    reason: str
    messages: tuple[Message, ...]
    seconds: float | None = None
    first_token: float | None = None
    details: dict[str, Any] = {}
    tools: tuple[ToolRecord, ...] = ()
    gone: bool = False


class Draft(Struct, frozen=True):
    """A turn that is to be kept, with what is needed should its conversation not be known.

    :param earlier: the conversation's messages before it
    :param title: of a conversation that begins with it; empty: as its first prompt begins
    """

    session: str
    folder: str
    earlier: tuple[Message, ...]
    turn: KeptTurn
    title: str = ""


class _Rest(Struct, frozen=True, omit_defaults=True):
    """What a message holds beside role and content."""

    images: tuple[bytes, ...] = ()
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    tool_name: str = ""


_NOTHING = _Rest()
_REST = msgspec.json.Decoder(_Rest)


def rest_of(message: Message) -> str | None:
    """Return what a message holds beside role and content, as JSON; None when that is nothing."""
    rest = _Rest(message.images, message.thinking, message.tool_calls, message.tool_call_id, message.tool_name)
    return None if rest == _NOTHING else encoded(rest)


def message_of(role: Any, content: str, rest: str | None) -> Message:
    """Return a message as it was.

    :raises msgspec.DecodeError: what was kept is damaged
    """
    if rest is None:
        return Message(role, content)
    more = _REST.decode(rest)
    return Message(role, content, more.images, more.thinking, more.tool_calls, more.tool_call_id, more.tool_name)


def encoded(value: Any) -> str:
    """Return a value as JSON text; what JSON or UTF-8 cannot hold is replaced."""
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except (UnicodeEncodeError, OverflowError, TypeError, ValueError):
        return clean(json.dumps(msgspec.to_builtins(value, enc_hook=str), ensure_ascii=False, default=str))


def decoded(text: str | None) -> Any:
    """Return what `encoded` was given; None for what cannot be read."""
    try:
        return msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        return None


def clean(text: str) -> str:
    """Return text without lone halves of surrogate pairs, which a model may write and no file can hold."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode()


def title_of(prompt: str) -> str:
    """Return a title for a conversation that begins with a prompt."""
    words = next((" ".join(line.split()) for line in prompt.splitlines() if line.strip()), "(no text)")
    return clean(words if len(words) <= TITLE else f"{words[: TITLE - 1].rstrip()}\u2026")


def text_of(path: Path | str) -> str:
    """Return a path as text; bytes that are no UTF-8 stand as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def project_of(folder: str) -> str:
    """Return the real path of the repository that a folder is in, else that of the folder itself."""
    real = Path(os.path.realpath(folder))
    return text_of(next((each for each in (real, *real.parents) if os.path.lexists(each / ".git")), real))


def iso(at: float) -> str:
    """Return a time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def when(at: float) -> str:
    """Return a time as the user's clock shows it."""
    return local_time(iso(at))
