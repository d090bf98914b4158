"""What does the command `route explain` do?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Completes, ExitCode, Json, ModelKnowledge, ModelNotFound, Notice, UsageError
from ollm_plugins.routing.active import active
from ollm_plugins.routing.changes import changes
from ollm_plugins.routing.classify import RULE, classify
from ollm_plugins.routing.decide import Decision, decide
from ollm_plugins.routing.profiles import AUTO, profiles
from ollm_plugins.routing.qualify import NEEDS
from ollm_plugins.routing.situation import Requirement, Situation
from ollm_plugins.routing.telling import COLUMNS, document, reasons, rows


def explain(
    ctx: CommandContext,
    prompt: Annotated[str, typer.Argument(help="What is to be answered.", metavar="[PROMPT]")] = "",
    *,
    profile: Annotated[
        str | None, typer.Option("--profile", help="As in `route list`.", metavar="NAME"), Completes("routing-profile")
    ] = None,
    needs: Annotated[
        str, typer.Option("--needs", help=f"Of {', '.join(NEEDS)}; joined by commas.", metavar="LIST")
    ] = "",
    prompt_tokens: Annotated[int | None, typer.Option("--prompt-tokens", help="Length of the prompt.", min=0)] = None,
    output_tokens: Annotated[int | None, typer.Option("--output-tokens", help="Length of the answer.", min=1)] = None,
    what_if: Annotated[
        Path | None, typer.Option("--what-if", help="Decide the situations of a file; no server is asked.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which model would answer and why, what disqualifies the others, and what would change the choice."""
    wanted = _needs(needs)
    if what_if is not None:
        if profile or wanted or prompt or prompt_tokens is not None or output_tokens is not None:
            raise UsageError("--what-if decides what its file says", "Leave the other options out.")
        _explain_file(ctx, what_if, as_json=as_json)
        return
    needed = _requirement(ctx, prompt, wanted, prompt_tokens, output_tokens)
    situation, rule = _present(ctx, profile, needed, prompt)
    decision = decide(situation)
    if as_json:
        ctx.out.document({**document(situation, decision), "auto": rule})
    else:
        for line in rule.values() if rule else ():
            ctx.out.prose(line)
        last = decision.notices[-1] if decision.notices else None
        _tell(ctx, situation, decision, last if decision.chosen is None else None)
    if decision.chosen is None:
        raise _nobody(decision)


def _needs(text: str) -> tuple[str, ...]:
    """Read a list of needs.

    :raises UsageError: one is unknown
    """
    named = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    for each in named:
        if each not in NEEDS:
            raise UsageError(f"--needs: {each!r} is nothing that a model can do", f"Choose of {', '.join(NEEDS)}.")
    return named


def _requirement(
    ctx: CommandContext, prompt: str, needs: tuple[str, ...], prompt_tokens: int | None, output_tokens: int | None
) -> Requirement:
    """Return what is needed: as the options say, else as for the prompt, else as usual."""
    from ollm.api import ChoiceRequest
    from ollm_plugins.routing.needs import needs_of

    usual = needs_of(ChoiceRequest(prompt), ctx.app.context) if prompt else Requirement()
    return Requirement(
        usual.prompt_tokens if prompt_tokens is None else prompt_tokens,
        usual.output_tokens if output_tokens is None else output_tokens,
        needs,
    )


def _present(
    ctx: CommandContext, profile: str | None, needed: Requirement, prompt: str
) -> tuple[Situation, dict[str, str] | None]:
    """Return the present situation, and how `auto` has taken its profile."""
    from ollm_plugins.routing.gather import Gatherer

    wanted = active(ctx.app.settings)
    name, where = (profile, "") if profile else (wanted.profile, wanted.where)
    rule = None
    if name == AUTO:
        guess = classify(prompt)
        name = guess.profile
        rule = {"rule": f"auto takes {RULE}.", "because": f"Here it takes {name}: {guess.because}."}
    elif not profile and not wanted.on:
        ctx.out.say(f"ollm: Routing is off: {wanted.why}. This is what it would choose.")
    return ctx.run(Gatherer(ctx.app.context).situation(name, needed, prompt, where)), rule


def _explain_file(ctx: CommandContext, path: Path, *, as_json: bool) -> None:
    from ollm_plugins.routing.whatif import read_cases

    knowledge = ctx.app.services.find(ModelKnowledge)
    cases, bare = read_cases(path, profiles(ctx.app.context), knowledge)
    decided = [(case, decide(case.situation)) for case in cases]
    if as_json:
        documents: list[dict[str, Any]] = [
            {"id": case.id, **document(case.situation, decision)} for case, decision in decided
        ]
        alone = documents[0] if len(documents) == 1 else {}
        ctx.out.document(alone if bare else {**alone, "cases": documents})
        return
    for case, decision in decided:
        if not bare:
            ctx.out.print(f"{case.id}:")
        _tell(ctx, case.situation, decision)


def _tell(ctx: CommandContext, situation: Situation, decision: Decision, besides: Notice | None = None) -> None:
    """Tell people.

    :param besides: a notice that is told otherwise
    """
    ctx.out.table(COLUMNS, rows(decision))
    needed = situation.requirement
    for_what = f"{needed.prompt_tokens} tokens of prompt, {needed.output_tokens} of answer"
    more = f", with {', '.join(needed.needs)}" if needed.needs else ""
    who = decision.chosen.name if decision.chosen else "No model"
    ctx.out.prose(f"{who} answers, by the profile {decision.profile.name}, for {for_what}{more}")
    for text in (*reasons(situation, decision), *changes(situation, decision)):
        ctx.out.prose(f"  {text}")
    for notice in (*situation.notices, *decision.notices):
        if notice is not besides:
            ctx.out.notify(notice)


def _nobody(decision: Decision) -> ModelNotFound:
    text = decision.notices[-1].text if decision.notices else "No model is chosen"
    error = ModelNotFound(text)
    assert error.exit_code is ExitCode.NO_MODEL
    return error
