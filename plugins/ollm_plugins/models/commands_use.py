"""What does the command `model use` do?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ollm.api import (
    ChoiceRequest,
    CommandContext,
    Completes,
    Json,
    ModelChooser,
    ModelNotFound,
    OllmError,
    UsageError,
    change_setting,
    read_settings,
)
from ollm_plugins.models.finding import called, management, told_offline

if TYPE_CHECKING:
    from ollm.api import ShownModel

MODEL, PROVIDER = "model.default", "model.provider"


def use(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="As in `model list`."), Completes("model")],
    *,
    provider: Annotated[
        str | None, typer.Option("--provider", help="Whose model is meant; it is chosen, too.", metavar="NAME")
    ] = None,
    session: Annotated[bool, typer.Option("--session", help="Only until this REPL ends; your file stays.")] = False,
    as_json: Json = False,
) -> None:
    """Choose the model that answers, in your file; in the REPL it holds at once."""
    if session and ctx.surface != "repl":
        raise UsageError("--session makes sense in the REPL only", "In the shell, `ollm --model NAME` is for one run.")
    shown = _shown(ctx, name, provider)
    if not shown.info.chats:
        able = ", ".join(shown.info.capabilities)
        raise UsageError(f"{shown.info.name} cannot chat: all it can do is {able}", "`ollm model list` lists others.")
    chosen = {MODEL: shown.info.name} | ({PROVIDER: provider} if provider else {})
    changed = False if session else _write(ctx, chosen)
    if ctx.surface == "repl":
        for key, value in chosen.items():
            ctx.app.settings.set_session(key, value)
    _tell(ctx, shown, chosen, session=session, changed=changed, as_json=as_json)


def _shown(ctx: CommandContext, name: str, provider: str | None) -> ShownModel:
    """Return what is known of the model.

    :raises ModelNotFound: there is none, with the names that are near, or with the provider that has it
    """
    try:
        return ctx.run(management(ctx).show_model(name, provider))
    except ModelNotFound as error:
        owner = None if provider else ctx.run(_other_owner(ctx, name))
        if owner is None:
            raise
        remedy = f"Provider '{owner}' has it: `ollm model use {name} --provider {owner}` chooses both."
        raise ModelNotFound(error.problem, remedy) from error


async def _other_owner(ctx: CommandContext, name: str) -> str | None:
    """Return a provider that has a model which the chosen one has not."""
    providers = ctx.app.providers
    chosen = providers.chosen()
    for entry in providers.entries() if chosen else ():
        if entry.item.name == chosen:
            continue
        try:
            catalogue = await management(ctx).list_models(entry.item.name, max_age=60)
        except OllmError:  # whoever is away has nothing to offer; the first error is the one that counts
            continue
        if called(catalogue, name):
            return entry.item.name
    return None


def _write(ctx: CommandContext, chosen: dict[str, str]) -> bool:
    """Put the choice into the user's file; return whether that has changed anything."""
    file = ctx.app.paths.config
    before = read_settings(file).values
    for key, value in chosen.items():
        change_setting(file, tuple(key.split(".")), value)
    ctx.app.reload_settings()
    return ctx.app.settings.file.values != before


def _tell(
    ctx: CommandContext, shown: ShownModel, chosen: dict[str, str], *, session: bool, changed: bool, as_json: bool
) -> None:
    file = None if session else ctx.app.paths.config
    if as_json:
        document: dict[str, Any] = {"key": MODEL, "value": shown.info.name, "provider": shown.provider}
        ctx.out.document({**document, "providerChosen": PROVIDER in chosen, "file": file, "changed": changed})
    else:
        where = "for this session" if file is None else f"in {file}"
        of = f" of provider '{shown.provider}'" if PROVIDER in chosen else ""
        ctx.out.print(f"Model '{shown.info.name}'{of} is chosen, {where}")
    for key in chosen:
        _tell_stronger(ctx, key)
    if shown.source.offline:
        ctx.out.say(f"ollm: {told_offline(shown.source)}")
    if ctx.surface == "shell":
        ctx.run(_tell_chooser(ctx))


async def _tell_chooser(ctx: CommandContext) -> None:
    """Say so when a plugin chooses the model for each turn, so that the file's is not asked."""
    chooser = ctx.app.services.find(ModelChooser)
    try:
        choice = await chooser.choose(ChoiceRequest("")) if chooser else None
    except OllmError:  # whoever asks for an answer is told
        return
    if choice is not None:
        text = f"But a model is chosen anew for each turn, now {choice.model}; only --model, or /use in the REPL, is stronger."
        ctx.out.say(f"ollm: {text}")


def _tell_stronger(ctx: CommandContext, key: str) -> None:
    """Say so when a variable or a flag overrules the file."""
    winner = ctx.app.settings.candidates(key)[-1]
    if winner.layer not in ("default", "borrowed", "user", "session"):
        ctx.out.say(f"ollm: But {key} stays {winner.raw} ({winner.where}), which is stronger than your file.")
