"""What happens when a die is rolled? Imported when it happens, not before."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Annotated

import typer

from ollm.api import CommandContext, HostContext, OllmError, ToolContext, TurnContext
from ollm_dice.settings import DiceSettings


@dataclass(frozen=True)
class Die:
    """What a model says when it rolls."""

    sides: int | None = None


async def roll_dice(ctx: ToolContext, die: Die) -> str:
    """Roll for a model."""
    return str(_roll(ctx.turn.host, die.sides))


def roll(
    ctx: CommandContext,
    *,
    sides: Annotated[int | None, typer.Option(help="How many sides it has; else the setting dice.sides.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON object.")] = False,
) -> None:
    """Roll a die and print the number that came up."""
    number = _roll(ctx.app.context, sides)
    if as_json:
        ctx.out.document({"number": number})
    else:
        ctx.out.print(str(number))


def advice(turn: TurnContext) -> str:
    """Tell the model when to roll."""
    sides = turn.host.settings.section(DiceSettings).sides
    return f"When chance must decide, call roll_dice (1 to {sides}) instead of making a number up."


def _roll(host: HostContext, sides: int | None) -> int:
    sides = host.settings.section(DiceSettings).sides if sides is None else sides
    if sides < 1:
        raise OllmError(f"A die with {sides} sides cannot be rolled", "Give it at least one side.")
    return secrets.randbelow(sides) + 1
