"""What do the commands do that are about comparisons that are kept?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ollm.api import CommandContext, Completes, Json, UsageError, Yes, local_time, visible, write_atomically
from ollm_plugins.compare.choosing import choice_of
from ollm_plugins.compare.store import Store
from ollm_plugins.compare.telling import document, tell, verdict

if TYPE_CHECKING:
    from ollm_plugins.compare.store import Line

Number = Annotated[str, typer.Argument(help="Its number, or `last`.", metavar="ID")]


def number_of(word: str) -> int | None:
    """Return the number that a word says; None for the last one.

    :raises UsageError: it is neither
    """
    if word == "last":
        return None
    if not word.isdecimal() or len(word) > 18:  # noqa: PLR2004  (SQLite's numbers have 63 bits)
        raise UsageError(
            f"'{visible(word)}' is no number of a comparison", "`compare history` lists them; `last` is one, too."
        )
    return int(word)


def history(
    ctx: CommandContext,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many, the newest first.", min=1, metavar="N")] = 20,
    as_json: Json = False,
) -> None:
    """List the comparisons that are kept, the newest first."""
    lines = Store(ctx.app.context).lines(limit)
    if as_json:
        ctx.out.document([_described(line) for line in lines])
        return
    if not lines:
        ctx.out.print("Nothing was compared yet")
        return
    ctx.out.table(("id", "when", "profile", "models", "choice", "prompt"), map(_row, lines), ("profile", "when"))


def _row(line: Line) -> tuple[object, ...]:
    return line.id, local_time(line.at), line.profile, _models(line), _choice(line), _short(line.prompt)


def _short(prompt: str) -> str:
    words = " ".join(prompt.split())
    return words if len(words) <= 50 else f"{words[:49]}…"  # noqa: PLR2004  (a line of the table)


def _hidden(line: Line) -> bool:
    return line.blind and not line.choice


def _models(line: Line) -> str:
    return (
        f"{len(line.models)} hidden"
        if _hidden(line)
        else ", ".join(each.partition("/")[2] or each for each in line.models)
    )


def _choice(line: Line) -> str:
    if line.choice == "winner" and line.winner is not None:
        return line.models[line.winner].partition("/")[2] or line.models[line.winner]
    return {"tie": "tie", "bad": "all bad"}.get(line.choice, "-")


def _described(line: Line) -> dict[str, object]:
    models = None if _hidden(line) else list(line.models)
    chosen = {"choice": line.choice or None, "winner": line.models[line.winner] if line.winner is not None else None}
    told = {"id": line.id, "at": line.at, "profile": line.profile, "prompt": line.prompt}
    return {**told, "models": models, "blind": line.blind, **chosen}


def show(ctx: CommandContext, number: Number = "last", *, as_json: Json = False) -> None:
    """Show a comparison: the prompt, the answers, the numbers, the choice."""
    compared = Store(ctx.app.context).get(number_of(number))
    if as_json:
        ctx.out.document(document(compared))
        return
    ctx.out.print(f"{local_time(compared.at)}, profile {compared.profile}")
    ctx.out.print(f"> {compared.prompt}\n")
    tell(ctx.out, compared)


def choose(
    ctx: CommandContext,
    number: Number,
    which: Annotated[str, typer.Argument(help="A model, its place or letter, tie or bad.", metavar="WHICH")],
    *,
    as_json: Json = False,
) -> None:
    """Say which answer is best, that all are as good, or that none is any good; an earlier choice is replaced."""
    store = Store(ctx.app.context)
    compared = store.get(number_of(number))
    chosen = store.choose(compared.id, *choice_of(compared, which))
    if as_json:
        ctx.out.document(document(chosen))
        return
    ctx.out.print(verdict(chosen))
    if compared.hidden:
        ctx.out.print(", ".join(chosen.title(place) for place in range(len(chosen.answers))))


def export(
    ctx: CommandContext,
    number: Number,
    file: Annotated[Path, typer.Argument(help="Its name ends in .md or .html.", metavar="FILE"), Completes("path")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a comparison to a file, as Markdown or as a page that stands alone."""
    from ollm_plugins.compare.exporting import FORMS

    form = FORMS.get(file.suffix.lower())
    if form is None:
        raise UsageError(f"{visible(str(file))} ends in none of {', '.join(FORMS)}")
    if file.exists() and not force:
        raise UsageError(f"{visible(str(file))} is there already", "--force replaces it.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {visible(str(file.parent))}")
    compared = Store(ctx.app.context).get(number_of(number))
    write_atomically(file, form(compared))
    ctx.out.print(f"Comparison {compared.id} is written to {file}")


def delete(ctx: CommandContext, number: Number, *, yes: Yes = False, as_json: Json = False) -> None:
    """Forget a comparison, after a question: its prompt, its answers, and what it said of the models."""
    store = Store(ctx.app.context)
    found, prompt = store.named(number_of(number))
    if not yes and not ctx.out.can_ask:
        raise UsageError(f"Nobody can be asked whether to forget comparison {found}", "Add --yes.")
    is_wanted = yes or ctx.out.confirm(f"Forget comparison {found}, '{_short(prompt)}', for good?")
    if is_wanted:
        store.delete(found)
    else:
        ctx.out.say("ollm: Nothing has changed.")
    if as_json:
        ctx.out.document({"deleted": [found] if is_wanted else []})
    elif is_wanted:
        ctx.out.print(f"Comparison {found} is forgotten")
