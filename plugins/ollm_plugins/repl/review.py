"""What do the commands show that look back at the last turn: `/tool`, `/thinking`, `/stats`; and what does `/theme` do?"""

from __future__ import annotations

from typing import Annotated, get_args

import typer

from ollm.api import CommandContext, Completes, CompletionContext, Json, Message, UsageError, nearest
from ollm_plugins.repl.settings import ReplSettings, Theme
from ollm_plugins.repl.stats import figures, stats_text


def last_turn(ctx: CommandContext) -> list[Message]:
    """Return the messages of the last turn that the conversation holds, the user's first."""
    messages = ctx.conversation.messages if ctx.conversation is not None else []
    begins = max((at for at, each in enumerate(messages) if each.role == "user"), default=len(messages))
    return messages[begins:]


def show_tool(
    ctx: CommandContext,
    number: Annotated[int | None, typer.Argument(help="Which one of the last turn, from 1.", metavar="[N]")] = None,
    *,
    json: Json = False,
) -> None:
    """Show a tool's result whole: the last one, or the Nth of the last turn."""
    results = [each for each in last_turn(ctx) if each.role == "tool"]
    if not results:
        raise UsageError("No tool was called in the last turn")
    if number is not None and not 1 <= number <= len(results):
        raise UsageError(f"The last turn has no tool result {number}", f"It has {len(results)}, numbered from 1.")
    at = number or len(results)
    chosen = results[at - 1]
    if json:
        ctx.out.document({"tool": chosen.tool_name, "content": chosen.content, "of": len(results)})
        return
    if len(results) > 1:
        ctx.out.say(f"{chosen.tool_name}, {at} of {len(results)}:")
    ctx.out.write(chosen.content.rstrip("\n") + "\n")  # as it is, for copying


def show_thinking(ctx: CommandContext, *, json: Json = False) -> None:
    """Show what the model thought before its last answer."""
    thoughts = [each.thinking.strip() for each in last_turn(ctx) if each.thinking.strip()]
    if not thoughts:
        raise UsageError("The model said nothing of its thoughts in the last turn")
    if json:
        ctx.out.document({"thinking": thoughts})
        return
    ctx.out.prose("\n\n".join(thoughts))


def show_stats(ctx: CommandContext, *, json: Json = False) -> None:
    """Show tokens, tokens a second and seconds of the last turn, as the server counts them."""
    turn = ctx.conversation.last_turn if ctx.conversation is not None else None
    if turn is None:
        raise UsageError("There was no turn yet")
    if json:
        ctx.out.document(figures(turn))
        return
    ctx.out.prose(f"{turn.provider}/{turn.model}: {stats_text(turn)}")


def themes(ctx: CompletionContext) -> list[tuple[str, str]]:
    """List the themes that are meant by what is typed."""
    return [(name, "") for name in get_args(Theme) if name.startswith(ctx.typed)]


def choose_theme(
    ctx: CommandContext,
    name: Annotated[
        str | None, typer.Argument(help="Without one, list them.", metavar="[NAME]"), Completes("theme")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Choose the colours of answers for this session; to keep them, set `repl.theme`."""
    names = get_args(Theme)
    if name is not None and name not in names:
        raise UsageError(f"There is no theme '{name}'{nearest(name, names)}", f"Choose one of {', '.join(names)}.")
    if name is not None:
        ctx.app.settings.set_session("repl.theme", name)
    now = ctx.app.settings.section(ReplSettings).theme
    if json:
        ctx.out.document({"theme": now, "themes": names})
        return
    for each in names if name is None else (now,):
        ctx.out.print(f"* {each}" if each == now else f"  {each}")
