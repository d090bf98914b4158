"""Which model would answer, and whose is it?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from ollm.api import DefaultsModel, ModelNotFound, OllmError, Provider, UsageError

if TYPE_CHECKING:
    from ollm.api import App, CommandContext

PATIENCE = 10.0
"""Seconds after which a provider that does not answer counts as away."""


class Asked(Struct, frozen=True):
    """Whose options are meant; empty where nobody knows.

    :param problem: why nobody knows
    """

    provider: str = ""
    model: str = ""
    problem: str = ""


async def who_answers(ctx: CommandContext, model: str | None, provider: str | None) -> Asked:
    """Say who would answer a prompt, asking providers only where the settings leave it open.

    :param model: the one that is meant in any case
    :param provider: the one that is meant in any case
    :raises UsageError: there is no provider of that name, or a name is empty
    """
    if "" in (model, provider):
        raise UsageError("A name is empty", "Leave it out for the model that answers.")
    app = ctx.app
    chosen = app.providers.entry(provider).item.name if provider else app.providers.chosen()
    named = model or app.settings.get("model.default")
    if named and (chosen or not app.settings.entries("providers.*.options")):
        return Asked(chosen or "", named)
    try:
        if model is None and provider is None:
            answerer = await (ctx.conversation.answerer() if ctx.conversation else app.providers.select())
            return Asked(answerer.entry.item.name, answerer.model)
        return await _first_that_has(app, named, chosen)
    except OllmError as error:
        return Asked(chosen or "", named or "", error.problem)


async def _first_that_has(app: App, model: str | None, provider: str | None) -> Asked:
    """Return the first provider that has a model; without a model, the one that a provider takes by itself.

    :raises OllmError: there is none
    """
    refused: list[str] = []
    for owned in [app.providers.entry(provider)] if provider else app.providers.entries():
        try:
            name = await app.providers.ask(owned, partial(_name, model), PATIENCE)
        except OllmError as error:
            refused.append(error.problem)
        else:
            return Asked(owned.item.name, name)
    raise UsageError("; ".join(refused) or "No provider is installed")


async def _name(model: str | None, provider: Provider) -> str:
    if model is not None:
        await provider.show_model(model)
        return model
    if isinstance(provider, DefaultsModel):
        return await provider.default_model()
    chatting = [each.name for each in await provider.list_models() if each.chats]
    if not chatting:
        raise ModelNotFound(f"Provider '{provider.name}' has no model that can chat", "Fetch one first.")
    return chatting[0]
