"""What does the command do that lets models answer?"""

from __future__ import annotations

from collections.abc import Sequence
from random import SystemRandom
from typing import Annotated

import typer

from ollm.api import Catalogue, CommandContext, Completes, Json, UsageError, may_keep, replace
from ollm_plugins.compare.asking import Asked, asked, check_words, from_template, seed_for
from ollm_plugins.compare.contest import LABELS, Contest, Terms
from ollm_plugins.compare.deciding import Wanted, Wish, decide
from ollm_plugins.compare.finding import checked, facts, find, listed, told_apart
from ollm_plugins.compare.settings import CompareSettings

Words = Annotated[
    list[str] | None,
    typer.Argument(help="The prompt, then the models: MODEL or PROVIDER/MODEL.", metavar="[PROMPT] MODEL MODEL…"),
    Completes("model"),
]
Last = Annotated[
    bool, typer.Option("--last", help="Take the last prompt of the conversation, with what was before it.")
]
Template = Annotated[
    str | None,
    typer.Option("--template", "-t", help="Make the prompt from this template.", metavar="NAME"),
    Completes("template"),
]
Values = Annotated[
    list[str] | None,
    typer.Option(
        "--var", help="A value for the template: VARIABLE=TEXT, VARIABLE=@FILE or -.", metavar="VARIABLE=VALUE"
    ),
    Completes("template-variable"),
]
Parallel = Annotated[bool, typer.Option("--parallel", help="All at the same time, whatever the memory.")]
Sequential = Annotated[bool, typer.Option("--sequential", help="One after another.")]
Repeat = Annotated[int, typer.Option("--repeat", help="Answers of each model.", min=1, max=20, metavar="N")]
Seed = Annotated[int | None, typer.Option("--seed", help="The seed of all.", min=0, max=2**31 - 1, metavar="N")]
Blind = Annotated[bool, typer.Option("--blind", help="Hide and shuffle the names until the choice.")]
Winner = Annotated[
    str | None,
    typer.Option("--winner", help="Choose at once: a model, its place or letter, tie or bad.", metavar="WHICH"),
]
Unsaved = Annotated[bool, typer.Option("--no-save", help="Keep nothing of it.")]


def compare(  # noqa: PLR0913  (one for each option)
    ctx: CommandContext,
    words: Words = None,
    *,
    last: Last = False,
    template: Template = None,
    var: Values = None,
    parallel: Parallel = False,
    sequential: Sequential = False,
    repeat: Repeat = 1,
    seed: Seed = None,
    blind: Blind = False,
    winner: Winner = None,
    no_save: Unsaved = False,
    as_json: Json = False,
) -> None:
    """Let several models answer one prompt, side by side.

    In the shell, what is piped in is added to the prompt, or is the prompt when all words name models or the first is `-`.
    A prompt that begins like a command, such as "history", stands behind `--`.

    The exit code is 0 when at least one model answered, 1 when none did.
    """
    if parallel and sequential:
        raise UsageError("--parallel and --sequential exclude each other")
    settings = ctx.app.settings.section(CompareSettings)
    wish: Wish = "parallel" if parallel else "sequential" if sequential else ""
    host = ctx.app.context
    catalogue = ctx.run(listed(host))
    given = _asked(ctx, catalogue, words or [], template, var or [], repeat, last=last)
    given = replace(given, models=_hidden(given.models) if blind else told_apart(given.models))
    plan = decide(given.models, ctx.run(facts(host, catalogue, given.models, wish)), wish)
    terms = Terms(
        seed_for(ctx.app.settings, given.overrides) if seed is None else seed,
        repeat,
        blind=blind,
        save=settings.save and not no_save and may_keep(ctx.app.services),
        as_json=as_json,
        winner=winner,
    )
    raise typer.Exit(Contest(ctx, given, plan, terms).hold())


def _asked(
    ctx: CommandContext,
    catalogue: Catalogue,
    words: list[str],
    template: str | None,
    values: list[str],
    repeat: int,
    *,
    last: bool,
) -> Asked:
    """Find out who is to answer what."""
    check_words(words, template, values, last=last)
    if template is None:
        given = asked(ctx, catalogue, words, last=last)
        checked(given.models, repeat)
        return given
    models = tuple(find(ctx.app.context, catalogue, name) for name in words)
    checked(models, repeat)  # before the user is asked for values
    return replace(from_template(ctx, template, values), models=models)


def _hidden(models: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """Shuffle models, and hide their names."""
    shuffled = SystemRandom().sample(models, len(models))
    return tuple(replace(each, label=label) for each, label in zip(shuffled, LABELS, strict=False))
