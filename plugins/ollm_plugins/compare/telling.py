"""How is a comparison told in plain text?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ollm.api import camel, to_document
from ollm_plugins.compare.results import Compared, Numbers, common, differing

if TYPE_CHECKING:
    from ollm.api import Output

NOBODY: Final = "-"
"""Stands for what nobody measured."""
COLUMNS: Final = (
    "",
    "time",
    "first token",
    "without load",
    "load",
    "prompt",
    "answer",
    "tokens",
    "tokens/s",
    "context",
)
SPARE: Final = ("without load", "prompt", "load", "context", "answer", "first token", "tokens")
"""Columns that a narrow terminal has no room for, the first of them first."""
_SHOWN: Final = (
    "seconds",
    "first_token_seconds",
    "first_token_warm_seconds",
    "load_seconds",
    "prompt_seconds",
    "generation_seconds",
    "tokens",
    "tokens_per_second",
)


def rows(compared: Compared) -> Iterator[tuple[str, ...]]:
    """Yield a line of numbers for each model."""
    for place, answer in enumerate(compared.answers):
        numbers, spread = answer.numbers, answer.spread()
        mark = " *" if compared.winner == place else ""
        yield (
            f"{compared.title(place)}{mark}",
            *(told(name, getattr(numbers, name), spread) for name in _SHOWN),
            context(numbers),
        )


def told(name: str, value: float | None, spread: dict[str, tuple[float, float]]) -> str:
    """Write a number with its unit, and its least and most if it was measured more than once."""
    if value is None:
        return NOBODY
    text = _number(name, value)
    if name not in spread:
        return text
    least, most = spread[name]
    return f"{text} ({_number(name, least, bare=True)}-{_number(name, most, bare=True)})"


def _number(name: str, value: float, *, bare: bool = False) -> str:
    if name.endswith("_seconds") or name == "seconds":
        return f"{value:.2f}{'' if bare else ' s'}"
    return f"{value:.1f}" if name.endswith("_per_second") else f"{value:.0f}"


def context(numbers: Numbers) -> str:
    """Write how much of the window is used."""
    used = NOBODY if numbers.context_used is None else f"{numbers.context_used:.0f}"
    return used if numbers.context_size is None else f"{used} of {numbers.context_size}"


def said(compared: Compared, place: int) -> str:
    """Return what a model said, and what went wrong with it."""
    run, mask = compared.answers[place].shown, compared.mask
    remark = f"[{mask.line(run.remark)}]" if run.remark else ""
    return "\n".join(part for part in (mask.answer(run.text).rstrip("\n"), remark) if part) or "[nothing came]"


def verdict(compared: Compared) -> str:
    """Say what the user chose."""
    if compared.choice == "winner" and compared.winner is not None:
        return f"You prefer {compared.title(compared.winner)}."
    return {"tie": "A tie: all are as good.", "bad": "None of them is any good."}.get(compared.choice, "")


def terms(compared: Compared) -> Iterator[str]:
    """Yield what the comparison was held under: order, seed, options."""
    if compared.why:
        yield compared.why
    seed = "none" if compared.seed is None else compared.seed
    shared = ", ".join(f"{name} {value}" for name, value in common(compared.answers).items() if name != "seed")
    runs = f"; {compared.repeat} answers each, medians with least and most" if compared.repeat > 1 else ""
    yield f"Seed {seed}{f'; {shared}' if shared else ''}{runs}."
    for name in differing(compared.answers):
        each = ", ".join(
            f"{compared.title(place)} {answer.shown.options.get(name, 'as the provider has it')}"
            for place, answer in enumerate(compared.answers)
            if answer.answered
        )
        yield f"Not the same for all: {name} ({each})."


def heading(compared: Compared, place: int) -> str:
    """Return the line above an answer."""
    return f"── {place + 1}. {compared.title(place)} ──"


def tell(out: Output, compared: Compared, *, answers: bool = True) -> None:
    """Print a comparison.

    :param answers: whether the texts are wanted, too
    """
    for place in range(len(compared.answers) if answers else 0):
        out.print(heading(compared, place))
        out.print(said(compared, place))
        out.print()
    out.table(COLUMNS, rows(compared), SPARE)
    for line in terms(compared):
        out.print(line)
    tell_choice(out, compared)


def tell_choice(out: Output, compared: Compared) -> None:
    """Print the choice, or how to make it."""
    if compared.choice:
        out.print(verdict(compared))
    elif compared.id is not None:
        best = next((place for place, answer in enumerate(compared.answers, 1) if answer.answered), None)
        hidden = "; the names are hidden until then" if compared.hidden else ""
        how = f" `compare choose {compared.id} {best}` says which is best{hidden}." if best else ""
        out.print(f"Kept as {compared.id}.{how}")


def document(compared: Compared) -> dict[str, Any]:
    """Describe a comparison for programs; what is hidden is null."""
    found: dict[str, Any] = to_document(compared)
    mask = compared.mask
    for shown, answer in zip(found["answers"], compared.answers, strict=True):
        shown |= {"answered": answer.answered, "numbers": to_document(answer.numbers)}
        shown["spread"] = {camel(name): list(pair) for name, pair in answer.spread().items()}
        for run in shown["runs"] if compared.hidden else ():
            told = {"text": mask.answer(run["text"]), "thinking": mask.answer(run["thinking"])}
            run |= {**told, "failure": mask.line(run["failure"]), "notices": [*map(mask.line, run["notices"])]}
        shown["text"] = mask.answer(answer.shown.text)
        shown["failure"] = mask.line(answer.shown.failure)
        if compared.hidden:
            shown.update({"provider": None, "model": None, "digest": None})
    found["differingOptions"] = differing(compared.answers)
    return found
