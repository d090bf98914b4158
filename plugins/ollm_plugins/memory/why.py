"""What went into the last prompt of what is remembered, at what cost, and what was left out?"""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from ollm.api import CommandContext, Json, TurnContext
from ollm_plugins.memory.addition import Addition
from ollm_plugins.memory.service import memories
from ollm_plugins.memory.settings import MemorySettings

SHOWN = 20
"""Entries that are named of those that were left out; a document names all."""


def why(
    ctx: CommandContext,
    prompt: Annotated[
        list[str] | None, typer.Argument(help="For this prompt, instead of the last.", metavar="[PROMPT…]")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Say what went into the last prompt, at what cost in tokens, and what was left out, and why.

    Before any prompt, and in the shell, it says what would go into one.
    """
    service = memories(ctx.app.context)
    enabled = ctx.app.settings.section(MemorySettings).enabled
    last = service.last if not prompt else None
    addition = last or ctx.run(service.addition(_turn(ctx, " ".join(prompt or ()))))
    if as_json:
        ctx.out.document({"enabled": enabled, "real": last is not None, **_document(addition)})
        return
    if not enabled:
        ctx.out.print("Prompts get nothing of what is remembered: memory.enabled is false")
        return
    _print(ctx, addition, "went" if last else "would go")


def _turn(ctx: CommandContext, prompt: str) -> TurnContext:
    """Return a turn that is not held, with the model of the last one, or of the settings."""
    last = ctx.conversation.last_turn if ctx.conversation else None
    provider, model = (last.provider, last.model) if last else (None, None)
    settings = ctx.app.settings
    provider, model = provider or settings.get("model.provider"), model or settings.get("model.default")
    return TurnContext(ctx.app.context, "", provider or "", model or "", prompt, ())


def _document(addition: Addition) -> dict[str, object]:
    return {
        "budget": addition.budget,
        "tokens": addition.tokens,
        "included": [{"tokens": each.tokens, "entry": each.entry} for each in addition.included],
        "leftOut": [{"reason": each.reason, "entry": each.entry} for each in addition.left_out],
        "text": addition.text,
    }


def _print(ctx: CommandContext, addition: Addition, went: str) -> None:
    count = len(addition.included)
    entries = "1 memory" if count == 1 else f"{count} memories"
    ctx.out.print(f"{entries} {went} into the prompt: {addition.tokens} of {addition.budget} tokens")
    rows = [(each.entry.key, each.entry.scope, each.tokens, "") for each in addition.included]
    rows += [(each.entry.key, each.entry.scope, "", each.reason) for each in addition.left_out[:SHOWN]]  # type: ignore[misc]
    if rows:
        ctx.out.table(("key", "scope", "tokens", "left out because"), rows)
    if len(addition.left_out) > SHOWN:
        reasons = Counter(each.reason for each in addition.left_out[SHOWN:])
        more = ", ".join(f"{number}: {reason}" for reason, number in reasons.most_common())
        ctx.out.print(f"and {len(addition.left_out) - SHOWN} more left out ({more})")
