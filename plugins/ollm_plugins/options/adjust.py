"""How do the options get into a request?"""

from __future__ import annotations

from typing import Any

from ollm.api import ChatRequest, GenerationOptions, SettingsReader, TurnContext, replace
from ollm_plugins.options.resolve import EXTRA, resolve

_IN_REQUEST = {"num_ctx": "context_size"}
"""Options that a request calls otherwise."""


def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Put every option that is set for the model into the request.

    :raises SettingsError: an option's value is bad
    """
    options = given_options(request.options, turn.host.settings, turn.provider, turn.model)
    return request if options is request.options else replace(request, options=options)


def given_options(options: GenerationOptions, settings: SettingsReader, provider: str, model: str) -> GenerationOptions:
    """Return options with every one that is set for a model; the same object if none is.

    What the prompt itself asks for stays.

    :raises SettingsError: an option's value is bad
    """
    given: dict[str, Any] = {}
    extra = dict(options.extra)
    for option in resolve(settings, provider, model):
        head, _, name = option.name.partition(".")
        if option.value in (None, ()):
            continue
        if head == EXTRA:
            extra[name] = option.value
        else:
            given[_IN_REQUEST.get(head, head)] = option.value
    given = {name: value for name, value in given.items() if getattr(options, name) in (None, ())}
    if extra:
        given[EXTRA] = {**extra, **options.extra}
    return replace(options, **given) if given else options
