"""What does `tools audit` show?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from ollm.api import (
    AuditedCall,
    CommandContext,
    Completes,
    ConversationRecords,
    Json,
    OllmError,
    UsageError,
    local_time,
)

_ALL = 10_000
"""Calls that are looked through for the beginning of an id."""
_WIDE = 60
"""Characters of a call's name, and of its arguments, in the table; a document has them whole."""


def audit(
    ctx: CommandContext,
    *,
    session: Annotated[
        str,
        typer.Option("--session", "-s", help="Only this conversation: its id or the beginning of it.", metavar="ID"),
        Completes("session"),
    ] = "",
    here: Annotated[bool, typer.Option("--here", help="Only the conversation under way.")] = False,
    tool: Annotated[str, typer.Option("--tool", "-t", help="Only this tool.", metavar="NAME"), Completes("tool")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", help="At most so many, the latest.", min=1, max=_ALL)] = 20,
    as_json: Json = False,
) -> None:
    """List tool calls of conversations that were kept, the latest first: what was decided, by whom, what came."""
    calls = _found(ctx, _wanted(ctx, session, here=here), tool, limit)
    if as_json:
        ctx.out.document([_document(each) for each in calls])
        return
    if not calls:
        ctx.out.print("No tool was called in a conversation that was kept.")
        return
    ctx.out.table(
        ("when", "session", "tool", "arguments", "decision", "by", "bytes"),
        [_row(each) for each in calls],
        ("session", "bytes"),
    )


def _wanted(ctx: CommandContext, session: str, *, here: bool) -> str:
    """Return the beginning of the id of the conversations that are wanted; empty for all.

    :raises UsageError: the one under way is wanted, and there is none
    """
    if not here:
        return session
    if ctx.conversation is None:
        raise UsageError("No conversation is under way", "In the REPL, use `/tools audit --here`; here, --session ID.")
    return ctx.conversation.id


def _found(ctx: CommandContext, conversation: str, tool: str, limit: int) -> Sequence[AuditedCall]:
    """Return the latest calls.

    :raises OllmError: nobody keeps conversations, or what is kept cannot be read
    """
    records = ctx.app.services.find(ConversationRecords)
    if records is None:
        problem = "No plugin keeps conversations, so no calls are kept"
        raise OllmError(problem, "Enable one, e.g. `ollm plugins enable sessions`.")
    calls = records.tool_calls(conversation=conversation, tool=tool, limit=limit)
    if calls or not conversation:
        return calls
    every = records.tool_calls(tool=tool, limit=_ALL)
    return [each for each in every if each.conversation.startswith(conversation)][:limit]


def _row(audited: AuditedCall) -> tuple[object, ...]:
    record = audited.call
    arguments = json.dumps(dict(record.call.arguments), ensure_ascii=False, default=str)
    name = _short(record.call.name)  # a model may call what is no tool
    at, session = local_time(audited.at), audited.conversation[:6]  # as `session list` shows it
    return at, session, name, _short(arguments), _decision(audited), record.by or "-", record.size


def _short(text: str) -> str:
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"


def _decision(audited: AuditedCall) -> str:
    record = audited.call
    if not record.by and not record.allowed:
        return "interrupted"
    if not record.allowed:
        return "refused"
    return "failed" if record.failed else "allowed"


def _document(audited: AuditedCall) -> dict[str, object]:
    record = audited.call
    return {
        "at": audited.at,
        "conversation": audited.conversation,
        "turn": audited.turn,
        "model": audited.model,
        "project": audited.project,
        "tool": record.call.name,
        "arguments": record.call.arguments,
        "allowed": record.allowed,
        "by": record.by,
        "reason": record.reason,
        "failed": record.failed,
        "size": record.size,
        "seconds": record.seconds,
    }
