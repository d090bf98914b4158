"""Which values could be meant on the command line?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ollm.api import CompletionContext, SettingsError
from ollm_plugins.permissions.commands import RUNS
from ollm_plugins.permissions.rules import told
from ollm_plugins.permissions.session import all_rules


def modes(ctx: CompletionContext) -> Iterable[tuple[str, str]]:
    """List the modes that begin as typed, with what runs in each."""
    return [each for each in RUNS.items() if each[0].startswith(ctx.typed)]


def numbers(ctx: CompletionContext) -> Iterator[tuple[str, str]]:
    """List the numbers of the rules, with what each says."""
    try:
        saved, answered = all_rules(ctx.host)
    except SettingsError:  # the command itself says what is wrong
        return
    for number, rule in enumerate((*saved, *answered), 1):
        if str(number).startswith(ctx.typed):
            yield str(number), told(rule)
