"""What do the commands `/context …` do?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Conversation, Json, OllmError, TurnContext, UsageError
from ollm_plugins.context.bar import draw, say
from ollm_plugins.context.measure import Scales, room_in, scales_of
from ollm_plugins.context.overflow import Overflow
from ollm_plugins.context.parts import Part, parts_of
from ollm_plugins.context.views import Cut, Sent, known, restored

SIZE = "options.numCtx"


async def show(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Show what the last request took of the context, part by part; before one, what the next will bring along."""
    conversation, views = _conversation(ctx), known(ctx.app.services)
    sent = await _sent(ctx, conversation)
    parts = await parts_of(sent, _scales(sent.turn).counter)
    last = conversation.last_turn
    turn = last if last is not None and last.id == sent.turn.id else None  # of one that failed, nothing was sent
    read = turn.usage.prompt_tokens if turn is not None else None
    answered = turn.usage.completion_tokens if turn is not None else None
    cuts = views.cuts(conversation.id)
    if as_json:
        ctx.out.document(_document(sent, parts, read, answered) | {"cuts": cuts})
        return
    draw(ctx.out, parts, sent.size)
    what = "The next prompt brings along" if sent.drafted else "The last prompt had"
    taken = f"{what} about {sent.tokens:,} of {sent.size:,} tokens ({100 * sent.tokens / sent.size:.0f}%)"
    say(ctx.out, f"{taken}; {_limit(sent)}.")
    if read is not None:
        say(ctx.out, f"{sent.request.model} read {read:,} tokens and answered with {answered or 0:,}.")
    elif turn is not None and turn.reason not in ("cut", "interrupted"):  # else it had no time to say it
        say(ctx.out, f"{sent.request.model} did not say how many it has read.")
    if cuts:
        say(ctx.out, _told(cuts[-1]))


def size(
    ctx: CommandContext,
    tokens: Annotated[str, typer.Argument(help="Tokens; auto: what each conversation needs.", metavar="N|auto")],
) -> None:
    """Set the context size for this session; the model is loaded anew with its next answer."""
    settings = ctx.app.settings
    number = None if tokens == "auto" else tokens.replace(",", "").replace("_", "")
    if number is not None and not (number.isascii() and number.isdecimal()):
        raise UsageError(f"'{tokens}' is no context size", "Give a number of tokens, e.g. 8192, or auto.")
    settings.set_session(SIZE, None if number is None else int(number))  # none beats what files say of single models
    views = known(ctx.app.services)
    if ctx.conversation is not None:
        views.grown.pop(ctx.conversation.id, None)
        views.sent.pop(ctx.conversation.id, None)
    if number is None:
        ctx.out.print("The context is as large as the conversation needs.")
    else:
        ctx.out.print(f"The context is {settings.get(SIZE):,} tokens from the next prompt on.")


async def compact(
    ctx: CommandContext,
    *,
    keep: Annotated[int, typer.Option("--keep", help="Turns at the end that stay whole.", min=0)] = 1,
) -> None:
    """Let the model summarize the oldest turns now, whether or not there is room."""
    conversation, views = _conversation(ctx), known(ctx.app.services)
    if not conversation.messages:
        raise UsageError("Nothing has been said in this conversation", "Ask something first.")
    draft = await _drafted(ctx, conversation)
    scales = _scales(draft.turn)
    cuts = views.cuts(conversation.id)
    now = await scales.measured(draft.request)
    whole = restored(draft.request, cuts[-1], draft.turn.messages) if cuts else draft.request
    if await Overflow(scales, views).compacted(whole, now, keep) is None:
        raise UsageError("There is no older turn that could be summarized", "--keep 0 summarizes all of them.")


async def undo(ctx: CommandContext) -> None:
    """Send again what was summarized or left out last."""
    conversation = _conversation(ctx)
    cut = known(ctx.app.services).undo(conversation.id)
    if cut is None:
        raise UsageError("Nothing is cut off this conversation")
    ctx.out.print(f"The oldest turns are sent again with the next prompt: {cut.turns}.")
    try:
        draft = await _drafted(ctx, conversation)
    except OllmError:  # nobody could answer now; whoever asks is told
        return
    if draft.tokens > _most(draft):
        say(ctx.out, "They have no room; /context size raises it, else they will be cut off again.")


def _conversation(ctx: CommandContext) -> Conversation:
    if ctx.conversation is None:
        raise UsageError("There is no conversation")
    return ctx.conversation


async def _sent(ctx: CommandContext, conversation: Conversation) -> Sent:
    """Return what was sent last in a conversation, or what will be.

    :raises OllmError: nobody could answer
    """
    return known(ctx.app.services).sent.get(conversation.id) or await _drafted(ctx, conversation)


async def _drafted(ctx: CommandContext, conversation: Conversation) -> Sent:
    """Return what the next prompt will bring along.

    :raises OllmError: nobody could answer
    """
    views = known(ctx.app.services)
    turn, request = await conversation.draft()
    now = await _scales(turn).measured(views.applied(views.as_grown(request, turn), turn))
    window = now.window
    return Sent(turn, now.request, now.tokens, 0, window.size, window.limit, window.chosen, drafted=True)


def _scales(turn: TurnContext) -> Scales:
    """:raises OllmError: nobody measures"""
    scales = scales_of(turn)
    if scales is None:
        raise OllmError("Nobody counts tokens, or knows the context of models", "Run `ollm plugins doctor`.")
    return scales


def _told(cut: Cut) -> str:
    which = "The oldest turn is" if cut.turns == 1 else f"The oldest {cut.turns} turns are"
    done = "summarized" if cut.summary else "left out"
    again = "it" if cut.turns == 1 else "them"
    return f"{which} {done}; /context undo sends {again} again."


def _most(sent: Sent) -> int:
    """Return how many tokens a prompt may have, in a context that grows as far as it does by itself."""
    size = sent.size if sent.chosen else max(sent.size, sent.limit or 0)
    return room_in(size, sent.request.options.max_tokens)


def _limit(sent: Sent) -> str:
    if sent.limit is None:
        return "nobody knows how much the model could take"
    return "that is all that the model can take" if sent.limit <= sent.size else f"the model could take {sent.limit:,}"


def _document(sent: Sent, parts: list[Part], read: int | None, answered: int | None) -> dict[str, Any]:
    return {
        "provider": sent.turn.provider,
        "model": sent.request.model,
        "size": sent.size,
        "limit": sent.limit,
        "drafted": sent.drafted,
        "parts": parts,
        "tokens": sent.tokens,
        "read": read,
        "answered": answered,
    }
