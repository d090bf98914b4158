"""How is a question put to the user?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ollm.api import visible

if TYPE_CHECKING:
    from ollm.api import CommandContext


def can_ask(ctx: CommandContext) -> bool:
    """Whether somebody sees a question and can answer it."""
    return ctx.out.stderr.isatty() and sys.stdin is not None and sys.stdin.isatty()


def agreed(ctx: CommandContext, question: str) -> bool:
    """Ask a question that is answered with yes or no; anything but yes is no.

    :raises EOFError: the user has closed the input
    """
    ctx.out.stdout.flush()
    ctx.out.stderr.write(f"{visible(question)} [y/N] ")
    ctx.out.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise EOFError
    return answer.strip().lower() in ("y", "yes")
