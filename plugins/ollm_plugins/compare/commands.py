"""What does the command do that lets models answer?"""

from __future__ import annotations

from datetime import UTC, datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated

import typer

from ollm.api import (
    CommandContext,
    Completes,
    ExitCode,
    OllmError,
    PromptClassifier,
    UsageError,
    replace,
)
from ollm_plugins.compare.asking import Asked, alike, asked
from ollm_plugins.compare.choosing import choice_of
from ollm_plugins.compare.deciding import Plan, Wish, decide
from ollm_plugins.compare.finding import checked, facts, listed
from ollm_plugins.compare.results import Compared
from ollm_plugins.compare.running import Column, Race, Task
from ollm_plugins.compare.settings import CompareSettings
from ollm_plugins.compare.store import Store, notice_of
from ollm_plugins.compare.telling import document, heading, said, tell

if TYPE_CHECKING:
    from ollm_plugins.compare.results import Answer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
LABELS = "ABCDEFGHI"


def compare(  # noqa: PLR0913  (one for each option)
    ctx: CommandContext,
    words: Annotated[
        list[str] | None,
        typer.Argument(help="The prompt, then the models: MODEL or PROVIDER/MODEL.", metavar="[PROMPT] MODEL MODEL…"),
        Completes("model"),
    ] = None,
    *,
    last: Annotated[
        bool, typer.Option("--last", help="Take the last prompt of the conversation, with what was before it.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option("--template", "-t", help="Make the prompt from this template.", metavar="NAME"),
        Completes("template"),
    ] = None,
    var: Annotated[
        list[str] | None, typer.Option("--var", help="A value for the template.", metavar="VARIABLE=VALUE")
    ] = None,
    parallel: Annotated[bool, typer.Option("--parallel", help="All at the same time, whatever the memory.")] = False,
    sequential: Annotated[bool, typer.Option("--sequential", help="One after another.")] = False,
    repeat: Annotated[int, typer.Option("--repeat", help="Answers of each model.", min=1, max=20, metavar="N")] = 1,
    seed: Annotated[
        int | None, typer.Option("--seed", help="The seed of all; else compare.seed.", min=0, metavar="N")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Hide and shuffle the names until the choice.")] = False,
    winner: Annotated[
        str | None,
        typer.Option("--winner", help="Choose at once: a model, its place or letter, tie or bad.", metavar="WHICH"),
    ] = None,
    no_save: Annotated[bool, typer.Option("--no-save", help="Keep nothing of it.")] = False,
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
    given, plan = ctx.run(_prepare(ctx, words or [], template, var or [], wish, repeat, last=last, blind=blind))
    number = settings.seed if seed is None else seed
    columns = [Column(label, each, each.title) for label, each in zip(LABELS, given.models, strict=False)]
    task = Task(given.prompt, alike(given.overrides, number), repeat, given.images, given.earlier)
    compared = Compared(
        None, datetime.now(UTC).isoformat(timespec="seconds"), given.prompt, _profile(ctx, given.prompt), number,
        plan.mode, plan.line if len(columns) > 1 else "", (), repeat, blind,
    )  # fmt: skip
    interrupted = _run(ctx, Race(ctx.app, columns, plan, task), compared, as_json=as_json)
    answers = tuple(column.answer() for column in columns)
    compared = replace(compared, answers=answers, interrupted=interrupted)
    if winner is not None:
        chosen, place = choice_of(compared, winner)
        compared = replace(compared, choice=chosen, winner=place)
    compared = _kept(ctx, compared, wanted=settings.save and not no_save)
    if as_json:
        ctx.out.document(document(compared))
    else:
        tell(ctx.out, compared, answers=False)
    raise typer.Exit(_code(answers, interrupted=interrupted))


async def _prepare(
    ctx: CommandContext,
    words: list[str],
    template: str | None,
    var: list[str],
    wish: Wish,
    repeat: int,
    *,
    last: bool,
    blind: bool,
) -> tuple[Asked, Plan]:
    """Find out who is to answer what, and in which order."""
    host = ctx.app.context
    catalogue = await listed(host)
    given = asked(ctx, catalogue, words, template, var, last=last)
    checked(given.models, repeat)
    if blind:
        models = list(given.models)
        SystemRandom().shuffle(models)
        given = replace(
            given, models=tuple(replace(each, label=label) for each, label in zip(models, LABELS, strict=False))
        )
    return given, decide(given.models, await facts(host, catalogue, given.models, wish), wish)


def _profile(ctx: CommandContext, prompt: str) -> str:
    classifier = ctx.app.services.find(PromptClassifier)
    return classifier.profile_of(prompt) if classifier is not None else "general"


def _run(ctx: CommandContext, race: Race, compared: Compared, *, as_json: bool) -> bool:
    """Let the models answer; say whether the user broke that off."""
    shown = 0

    def show() -> None:
        """Print the answers that are complete, in their order."""
        nonlocal shown
        while shown < len(race.columns) and race.columns[shown].over:
            now = replace(compared, answers=tuple(column.answer() for column in race.columns))
            ctx.out.print(f"{heading(now, shown)}\n{said(now.answers[shown])}\n")
            ctx.out.stdout.flush()
            shown += 1

    if not as_json:
        race.on_change(lambda _: show())
    try:
        ctx.run(race.run())
    except KeyboardInterrupt:
        return True
    return False


def _kept(ctx: CommandContext, compared: Compared, *, wanted: bool) -> Compared:
    if not wanted or not any(answer.shown.text for answer in compared.answers):
        return compared
    try:
        return Store(ctx.app.context).add(compared)
    except OllmError as error:
        ctx.out.notify(notice_of(error))
        return compared


def _code(answers: tuple[Answer, ...], *, interrupted: bool) -> ExitCode:
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if any(answer.answered for answer in answers) else ExitCode.FAILED
