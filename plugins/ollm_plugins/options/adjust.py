"""How do the options get into a request?"""

from __future__ import annotations

from dataclasses import fields

from ollm.api import ChatRequest, TurnContext, replace
from ollm_plugins.options.settings import OptionsSettings


def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Put every option that is set into the request.

    :raises SettingsError: an option's value is bad
    """
    settings = turn.host.settings.section(OptionsSettings)
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    given = {name: value for name, value in values.items() if value not in (None, ())}
    return replace(request, options=replace(request.options, **given)) if given else request
