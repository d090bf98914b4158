"""Which templates and variables could be meant by what is being typed?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ollm.api import OllmError
from ollm_plugins.templates.library import library

if TYPE_CHECKING:
    from ollm.api import CompletionContext


def templates(ctx: CompletionContext) -> list[tuple[str, str]]:
    """Return the names of templates that can be used, with what they are for."""
    everything = library(ctx.host.services).everything(ctx.typed)
    return [(each.name, each.known.template.description) for each in everything if each.known is not None]


def variables(ctx: CompletionContext) -> list[tuple[str, str]]:
    """Return `NAME=` for the variables of the template that the line names, without those that it gives already."""
    words = list(ctx.words)
    name = next((word for before, word in pairwise(words) if before in ("use", "--template", "-t")), None)
    if name is None:
        return []
    try:
        known = library(ctx.host.services).find(name)
    except OllmError:  # the command itself says what is wrong with the name
        return []
    taken = {word.partition("=")[0] for word in words if "=" in word}
    given = [each for each in known.variables if each.name not in taken and each.name.startswith(ctx.typed)]
    return [(f"{each.name}=", each.description or ("required" if each.required else "")) for each in given]
