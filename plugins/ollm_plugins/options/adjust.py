"""How do the options get into a request?"""

from __future__ import annotations

from typing import Any

from ollm.api import ChatRequest, TurnContext, replace
from ollm_plugins.options.resolve import EXTRA, resolve

_IN_REQUEST = {"num_ctx": "context_size"}
"""Options that a request calls otherwise."""


def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Put every option that is set for the model into the request.

    :raises SettingsError: an option's value is bad
    """
    given: dict[str, Any] = {}
    extra = dict(request.options.extra)
    for option in resolve(turn.host.settings, turn.provider, turn.model):
        head, _, name = option.name.partition(".")
        if option.value in (None, ()):
            continue
        if head == EXTRA:
            extra[name] = option.value
        else:
            given[_IN_REQUEST.get(head, head)] = option.value
    if extra:
        given[EXTRA] = extra
    return replace(request, options=replace(request.options, **given)) if given else request
