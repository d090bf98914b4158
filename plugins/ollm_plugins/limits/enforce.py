"""How is a request held to what its model can do?

Whatever the settings say, no request asks for more than the model has. What a model cannot do is refused or left out
here, with what to do, before the server cuts or fails, and before anybody counts it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ollm.api import (
    ChatRequest,
    HostContext,
    KnownLimits,
    LoadsModels,
    ModelKnowledge,
    ModelManagement,
    Notice,
    OllmError,
    ProviderAccess,
    TokenCount,
    TokenCounter,
    ToolFallback,
    TurnContext,
    UsageError,
    replace,
    same_model,
)
from ollm_plugins.limits.window import answer_limit, needed_by, upper, window

MAX_AGE = 60.0
"""Seconds for which a list of models is good enough to name one that can do more."""


async def suit(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Leave out of a request what its model cannot do.

    :raises UsageError: the prompt has images, and the model cannot see
    """
    knowledge = turn.host.services.find(ModelKnowledge)
    if knowledge is None:
        return request
    limits = await knowledge.limits_of(request.model, turn.provider)
    return await _without_tools(await _without_images(request, limits, turn), limits, turn)


async def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Hold a request to the limits of its model."""
    knowledge = turn.host.services.find(ModelKnowledge)
    if knowledge is None:
        return request
    limits, allocated = await asyncio.gather(
        knowledge.limits_of(request.model, turn.provider), allocated_size(request.model, turn.provider, turn.host)
    )
    return _within(request, limits, allocated, await _counted(request, turn), turn)


async def allocated_size(model: str, provider_name: str, host: HostContext) -> int | None:
    """Return the context size with which a model is in memory; None when it is not, or nobody says."""
    access = host.services.find(ProviderAccess)
    assert access is not None, "the kernel provides it"
    owned = access.entry(provider_name)
    provider = access.make(owned)
    if not isinstance(provider, LoadsModels):
        return None
    try:
        loaded = await access.ask(owned, lambda _: provider.loaded_models())
    except OllmError:  # the chat itself will say what is wrong
        return None
    return next((each.context_size for each in loaded if same_model(each.name, model)), None)


async def _counted(request: ChatRequest, turn: TurnContext) -> TokenCount | None:
    counter = turn.host.services.find(TokenCounter)
    return None if counter is None else await counter.count_request(request, turn.provider)


def _within(
    request: ChatRequest, limits: KnownLimits, allocated: int | None, prompt: TokenCount | None, turn: TurnContext
) -> ChatRequest:
    """Choose the context size, and bound the answer by what it leaves."""
    options, limit = request.options, limits.context_window
    counted = prompt or TokenCount(0)
    size = options.context_size or window(needed_by(request, counted), limit, allocated)
    if limits.known and size > limit:
        text = f"A context of {size} tokens was asked for; {request.model} has {limit}, and gets that."
        turn.host.notify(Notice("context-limited", text))
        size = limit
    most = answer_limit(options.max_tokens, limits, size, counted)
    if most != options.max_tokens and upper(counted) < size:
        text = f"An answer of up to {options.max_tokens} tokens was asked for; {request.model} has room for {most}."
        turn.host.notify(Notice("answer-limited", text))
    return replace(request, options=replace(options, context_size=size, max_tokens=most))


async def _without_images(request: ChatRequest, limits: KnownLimits, turn: TurnContext) -> ChatRequest:
    """Refuse images that the model cannot see; those of earlier turns are left out, which is said.

    :raises UsageError: the prompt itself has images
    """
    with_images = [message for message in request.messages if message.images]
    if not with_images or not _certainly_not(limits, "vision"):
        return request
    if any(message in with_images for message in _last_prompt(request)):
        able = await _others("vision", turn)
        instead = f"Choose a model that can ({able}), or leave the image out." if able else "Leave the image out."
        raise UsageError(f"{request.model} cannot see images", instead)
    turn.host.notify(Notice("images-left-out", f"{request.model} cannot see the images of earlier turns."))
    return replace(request, messages=tuple(replace(message, images=()) for message in request.messages))


def _last_prompt(request: ChatRequest) -> Sequence[object]:
    """Return the user's last message, alone in a list; nothing when there is none."""
    return [message for message in request.messages if message.role == "user"][-1:]


async def _without_tools(request: ChatRequest, limits: KnownLimits, turn: TurnContext) -> ChatRequest:
    """Leave out tools that the model cannot call, and say which model can."""
    if not request.tools or not _certainly_not(limits, "tools"):
        return request
    fallback = turn.host.services.find(ToolFallback)
    if fallback is not None and fallback.covers(request.model, turn.provider):
        return request
    able = await _others("tools", turn)
    instead = f"; {able} can" if able else ""
    names = ", ".join(tool.name for tool in request.tools)
    text = f"{request.model} cannot call tools, so it is not offered {names}{instead}."
    turn.host.notify(Notice("tools-left-out", text))
    return replace(request, tools=())


def _certainly_not(limits: KnownLimits, ability: str) -> bool:
    """Whether a model is known to lack an ability; of one that nobody knows, its server will say so."""
    return not getattr(limits.capabilities, ability) and limits.sources.get(ability, "default") != "default"


async def _others(ability: str, turn: TurnContext) -> str:
    """Name up to three models of the same provider that have an ability."""
    models = turn.host.services.find(ModelManagement)
    if models is None:
        return ""
    try:
        catalogue = await models.list_models(turn.provider, max_age=MAX_AGE)
    except OllmError:  # nobody to name; the refusal stands
        return ""
    return ", ".join([each.info.name for each in catalogue.models if ability in each.info.capabilities][:3])
