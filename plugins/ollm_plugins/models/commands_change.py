"""What do the commands do that change models on disk?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ollm.api import CommandContext, Completes, Json, ListedModel, UsageError, Yes, same_model
from ollm_plugins.models.finding import called, management, on_disk
from ollm_plugins.models.one_by_one import OneByOne
from ollm_plugins.models.wording import human

if TYPE_CHECKING:
    from ollm.api import DeletedModel

Names = Annotated[list[str], typer.Argument(help="As in `model list`.", metavar="NAME…"), Completes("model")]
Provider = Annotated[str | None, typer.Option("--provider", help="Whose model is meant.", metavar="NAME")]


def delete(
    ctx: CommandContext,
    names: Names,
    *,
    yes: Yes = False,
    in_use: Annotated[bool, typer.Option("--in-use", help="Do not ask about the model in use either.")] = False,
    provider: Provider = None,
    as_json: Json = False,
) -> None:
    """Delete models from disk, after a question; one that is loaded is unloaded first.

    One that cannot be deleted does not stop the others; the exit code is that of the first failure.
    """

    def work(name: str) -> dict[str, Any]:
        model, catalogue = on_disk(ctx, name, provider)
        twins = [each.info.name for each in catalogue.models if _is_twin(each, model)]
        document = {"name": model.info.name, "provider": model.provider}
        if not _may_delete(ctx, model, yes=yes, in_use=in_use):
            ctx.out.say(f"ollm: {model.info.name} was not deleted.")
            return {**document, "status": "kept", "error": None}
        deleted = ctx.run(management(ctx).delete_model(model.info.name, model.provider))
        if not as_json:
            ctx.out.print(_told(deleted, twins))
        _tell_default(ctx, model)
        facts = {"freed": deleted.freed, "unloaded": deleted.unloaded, "sameAs": twins}
        return {**document, "status": "deleted", **facts, "error": None}

    OneByOne(ctx, names, as_json=as_json).run(work)


def copy(
    ctx: CommandContext,
    source: Annotated[str, typer.Argument(help="As in `model list`."), Completes("model")],
    target: Annotated[str, typer.Argument(help="The new name.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a model is replaced.")] = False,
    provider: Provider = None,
    as_json: Json = False,
) -> None:
    """Give a model a second name; that takes no space on disk."""
    model, catalogue = on_disk(ctx, source, provider)
    if same_model(source, target):
        raise UsageError(f"{model.info.name} has that name already", "Give another one.")
    replaced = next((each for each in called(catalogue, target) if each.provider == model.provider), None)
    if replaced is not None and not _is_twin(replaced, model):
        what = f"{replaced.info.name} is another model{_size(replaced)}"
        if not _confirmed(ctx, f"{what}. Replace it?", yes=yes, problem=f"{what}, which would be replaced"):
            ctx.out.say("ollm: Nothing was copied.")
            return
    ctx.run(management(ctx).copy_model(model.info.name, target, model.provider))
    if as_json:
        names = {"name": target, "sameAs": model.info.name, "provider": model.provider}
        ctx.out.document({**names, "replaced": replaced is not None})
    else:
        ctx.out.print(f"{target} is now a second name of {model.info.name}")


def _is_twin(one: ListedModel, other: ListedModel) -> bool:
    """Whether two entries are one model under two names."""
    same_place = one.provider == other.provider and not same_model(one.info.name, other.info.name)
    return same_place and one.info.digest == other.info.digest != ""


def _may_delete(ctx: CommandContext, model: ListedModel, *, yes: bool, in_use: bool) -> bool:
    """Ask whether to delete a model; and once more if it is in use.

    :raises UsageError: nobody can be asked
    """
    name = model.info.name
    loaded = " It is loaded and will be unloaded first." if model.loaded else ""
    question, problem = f"Delete {name}{_size(model)}?{loaded}", f"Nobody can be asked whether to delete {name}"
    if not _confirmed(ctx, question, yes=yes, problem=problem):
        return False
    use = _use(ctx, model)
    if not use:
        return True
    problem = f"{name} is in use: it is {use}"
    return _confirmed(ctx, f"{problem}. Delete it all the same?", yes=in_use, problem=problem, flag="--in-use")


def _confirmed(ctx: CommandContext, question: str, *, yes: bool, problem: str, flag: str = "--yes") -> bool:
    """Return the user's answer, given by a flag or at the terminal.

    :raises UsageError: nobody can be asked
    """
    if yes:
        return True
    if not ctx.out.can_ask:
        raise UsageError(problem, f"Say {flag} to go on.")
    return ctx.out.confirm(question)


def _use(ctx: CommandContext, model: ListedModel) -> str:
    """Say for what a model is used; empty if it is not."""
    turn = ctx.conversation.last_turn if ctx.conversation else None
    if turn is not None and turn.provider == model.provider and same_model(turn.model, model.info.name):
        return "the one that answers in this conversation"
    return "model.default in your settings" if _is_default(ctx, model) else ""


def _is_default(ctx: CommandContext, model: ListedModel) -> bool:
    default = ctx.app.settings.get("model.default")
    chosen = ctx.app.providers.chosen()
    return bool(default) and same_model(default, model.info.name) and chosen in (None, model.provider)


def _size(model: ListedModel) -> str:
    return "" if model.info.size is None else f" ({human(model.info.size)})"


def _told(deleted: DeletedModel, twins: list[str]) -> str:
    text = f"{deleted.name} deleted" + (", after it was unloaded" if deleted.unloaded else "")
    if twins:
        verb = "is" if len(twins) == 1 else "are"
        return f"{text}; nothing is freed: {', '.join(twins)} {verb} the same model"
    return text if deleted.freed is None else f"{text}: {human(deleted.freed)} freed"


def _tell_default(ctx: CommandContext, model: ListedModel) -> None:
    if _is_default(ctx, model):
        ctx.out.say("ollm: model.default still names it; `ollm model use NAME` names another.")
