"""What do `/edit`, `/retry`, `/undo` and `/system` do?"""

from __future__ import annotations

from typing import Annotated

import typer

from ollm.api import CommandContext, Completes, Conversation, Overrides, UsageError
from ollm_plugins.repl.editor import editor_of, in_editor

_SYSTEM = "chat.systemPrompt"


async def edit(
    ctx: CommandContext,
    text: Annotated[list[str] | None, typer.Argument(help="What the editor begins with.", metavar="[TEXT…]")] = None,
) -> None:
    """Write the next prompt in your editor; one that is left empty is not sent."""
    prompt = await in_editor(editor_of(ctx.app.environ), " ".join(text or ()))
    if not prompt.strip():
        ctx.out.prose("Nothing was written, so nothing is sent.")
        return
    ctx.submit(prompt.rstrip("\n"))


def retry(
    ctx: CommandContext,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The model that is to answer, with or without the word `with`.", metavar="[with MODEL]"),
        Completes("model"),
    ] = None,
) -> None:
    """Have the last prompt answered again, by another model if you name one; the first answer is taken back."""
    given = list(words or ())
    if given[:1] == ["with"]:
        del given[0]
        if not given:
            raise UsageError("There is no model after `with`", "Write e.g. /retry with llama3.1:8b.")
    if len(given) > 1:
        raise UsageError(f"'{' '.join(given)}' is not one model", "Write e.g. /retry with llama3.1:8b.")
    overrides = _named(ctx, given[0]) if given else Overrides()
    prompt = _under_way(ctx).take_back()
    if prompt is None:
        raise UsageError("There is no prompt to be answered again")
    ctx.submit(prompt.content, prompt.images, overrides)


def undo(ctx: CommandContext) -> None:
    """Take back the last prompt and its answer; the model forgets both."""
    prompt = _under_way(ctx).take_back()
    if prompt is None:
        raise UsageError("There is nothing to take back")
    first = prompt.content.strip().partition("\n")[0]
    ctx.out.prose(f"Taken back: {first[:70]}{'…' if len(first) > 70 else ''}")  # noqa: PLR2004  (columns)


def system(
    ctx: CommandContext,
    text: Annotated[list[str] | None, typer.Argument(help="What the model is told.", metavar="[TEXT…]")] = None,
    *,
    clear: Annotated[bool, typer.Option("--clear", help="Tell the model nothing.")] = False,
) -> None:
    """Set what the model is told before the conversation, for this session; without a text, show it."""
    settings = ctx.app.settings
    if text and clear:
        raise UsageError("A text and --clear exclude each other")
    if not text and not clear:
        said = settings.get(_SYSTEM)
        ctx.out.prose(f"{said} ({settings.origin(_SYSTEM)})" if said else "The model is told nothing of yours.")
        return
    settings.set_session(_SYSTEM, " ".join(text or ()))
    ctx.out.prose("The model is told so from the next prompt on." if text else "The model is told nothing of yours.")


def _under_way(ctx: CommandContext) -> Conversation:
    """:raises UsageError: no conversation is under way"""
    if ctx.conversation is None:
        raise UsageError("There is no conversation")
    return ctx.conversation


def _named(ctx: CommandContext, name: str) -> Overrides:
    """Return what asks for a model, named alone or as provider/model."""
    provider, _, model = name.partition("/")
    if model and provider in {owned.item.name for owned in ctx.app.providers.entries()}:
        return Overrides(provider=provider, model=model)
    return Overrides(model=name)
