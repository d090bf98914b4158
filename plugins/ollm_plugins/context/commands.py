"""What do the commands `/context …` do?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ollm.api import (
    CommandContext,
    ContextWindows,
    Conversation,
    OllmError,
    TokenCounter,
    UsageError,
    replace,
)
from ollm_plugins.context.overflow import Overflow
from ollm_plugins.context.parts import Part, parts_of
from ollm_plugins.context.turns import head_of
from ollm_plugins.context.views import Sent, Views, known, restored

BAR = 40
"""Columns of the bar."""

SIZE = "options.numCtx"

Json = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]


async def show(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Show what the last request took of the context, part by part, and what is cut off the conversation."""
    conversation, views, sent = _last(ctx)
    parts = await parts_of(sent, _counter(ctx))
    turn = conversation.last_turn
    read = turn.usage.prompt_tokens if turn is not None else None
    answer = turn.usage.completion_tokens if turn is not None else None
    cuts = views.cuts(conversation.id)
    if as_json:
        ctx.out.document(_document(sent, parts, read, answer) | {"cuts": cuts})
        return
    ctx.out.table(("part", "tokens", "share", ""), _rows(sent, parts))
    taken = sum(part.tokens for part in parts)
    ctx.out.print(f"Prompt: about {taken:,} of {sent.size:,} tokens ({100 * taken / sent.size:.0f}%), {_limit(sent)}.")
    if read is not None:
        ctx.out.print(f"The server read {read:,} tokens and answered with {answer or 0:,}.")
    if cuts:
        done = "summarized" if cuts[-1].summary else "left out"
        ctx.out.print(f"The oldest turns are {done}: {cuts[-1].turns}. /context undo sends them again.")


def size(
    ctx: CommandContext,
    tokens: Annotated[str, typer.Argument(help="Tokens; auto: what each conversation needs.", metavar="N|auto")],
) -> None:
    """Set the context size for this session; the model is loaded anew with its next answer."""
    settings = ctx.app.settings
    if tokens == "auto":
        settings.unset_session(SIZE)
        ctx.out.print("The context is as large as the conversation needs.")
        return
    if not tokens.replace(",", "").isdecimal():
        raise UsageError(f"'{tokens}' is no context size", "Give a number of tokens, e.g. 8192, or auto.")
    settings.set_session(SIZE, int(tokens.replace(",", "")))
    ctx.out.print(f"The context is {settings.get(SIZE):,} tokens from the next prompt on.")


async def compact(
    ctx: CommandContext,
    *,
    keep: Annotated[int, typer.Option("--keep", help="Turns at the end that stay whole.", min=0)] = 1,
) -> None:
    """Let the model summarize the oldest turns now, whether or not there is room."""
    conversation, views, sent = _last(ctx)
    windows = ctx.app.services.find(ContextWindows)
    if windows is None:
        raise OllmError("Nobody knows the context of the model", "Run `ollm plugins doctor`.")
    turn = replace(sent.turn, messages=tuple(conversation.messages))
    overflow = Overflow(turn, views, _counter(ctx), windows)
    head = sent.request.messages[: head_of(sent.request.messages)]
    cuts = views.cuts(conversation.id)
    covers = cuts[-1].covers if cuts else 0
    request = replace(sent.request, messages=(*head, *conversation.messages[covers:]))
    now = await overflow.measured(request)
    whole = restored(request, cuts[-1], turn.messages) if cuts else request
    if await overflow.compacted(whole, now, keep) is None:
        raise UsageError("There is no older turn that could be summarized", "--keep 0 summarizes all of them.")


def undo(ctx: CommandContext) -> None:
    """Send again what was summarized or left out last."""
    if ctx.conversation is None:
        raise UsageError("There is no conversation")
    cut = known(ctx.app.services).undo(ctx.conversation.id)
    if cut is None:
        raise UsageError("Nothing is cut off this conversation")
    ctx.out.print(f"The oldest turns are sent again with the next prompt: {cut.turns}.")


def _last(ctx: CommandContext) -> tuple[Conversation, Views, Sent]:
    """Return the conversation and what was sent last in it.

    :raises UsageError: nothing was
    """
    views = known(ctx.app.services)
    sent = views.sent.get(ctx.conversation.id) if ctx.conversation is not None else None
    if ctx.conversation is None or sent is None:
        raise UsageError("Nothing has been sent in this conversation", "Ask something first.")
    return ctx.conversation, views, sent


def _counter(ctx: CommandContext) -> TokenCounter:
    """:raises OllmError: nobody counts"""
    counter = ctx.app.services.find(TokenCounter)
    if counter is None:
        raise OllmError("Nobody counts tokens", "Run `ollm plugins doctor`.")
    return counter


def _rows(sent: Sent, parts: list[Part]) -> list[tuple[str, str, str, str]]:
    free = Part("free", max(sent.size - sum(part.tokens for part in parts), 0))
    return [
        (
            part.name,
            f"{part.tokens:,}",
            f"{100 * part.tokens / sent.size:.0f}%",
            ("." if part is free else "#") * round(BAR * part.tokens / sent.size),
        )
        for part in (*parts, free)
    ]


def _limit(sent: Sent) -> str:
    if sent.limit is None or sent.limit <= sent.size:
        return "all that the model can take"
    return f"and the model could take {sent.limit:,}"


def _document(sent: Sent, parts: list[Part], read: int | None, answer: int | None) -> dict[str, Any]:
    return {
        "provider": sent.turn.provider,
        "model": sent.request.model,
        "size": sent.size,
        "limit": sent.limit,
        "parts": parts,
        "tokens": sum(part.tokens for part in parts),
        "read": read,
        "answered": answer,
    }
