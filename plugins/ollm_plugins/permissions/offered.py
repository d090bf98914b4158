"""Which tools is no model to be offered, because a rule forbids whatever they do?"""

from __future__ import annotations

from fnmatch import fnmatchcase

from ollm.api import ChatRequest, TurnContext, replace
from ollm_plugins.permissions.rules import narrowed
from ollm_plugins.permissions.session import all_rules


def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Leave out the tools of which a rule forbids all calls, also those that carry no risk and are never asked about.

    :raises SettingsError: the settings hold a mistake
    """
    if not request.tools:
        return request
    rules = (rule for some in all_rules(turn.host) for rule in some)
    denied = [rule.deny for rule in rules if rule.deny and not narrowed(rule)[0]]
    kept = tuple(tool for tool in request.tools if not any(fnmatchcase(tool.name, each) for each in denied))
    return request if len(kept) == len(request.tools) else replace(request, tools=kept)
