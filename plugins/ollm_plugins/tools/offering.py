"""Which tools is a model offered, and why not the others?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollm.api import (
    ChatRequest,
    ContributedTools,
    HostContext,
    ModelKnowledge,
    Notice,
    TurnContext,
    nearest,
    replace,
    visible,
)
from ollm_plugins.tools.settings import CallsSettings

if TYPE_CHECKING:
    from ollm.api import ServiceFinder


class Offering:
    """Decides by the settings, the tool's risk, who is there to be asked, and what the model can do.

    It fulfils `ToolOffers` and `ToolFallback`.
    """

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx
        self._callers: dict[tuple[str, str], bool] = {}
        self.is_interactive = False

    @property
    def _settings(self) -> CallsSettings:
        return self._ctx.settings.section(CallsSettings)

    def _risks(self) -> dict[str, str]:
        """Return what each tool can do."""
        contributed = self._ctx.services.find(ContributedTools)
        assert contributed is not None, "the kernel provides it"
        return {owned.item.name: owned.item.risk for owned in contributed.tools()}

    def say_unknown(self) -> None:
        """Say which names are disabled that no tool has: who mistypes one would be offered the tool all the same."""
        names = self._risks()
        for name in self._settings.disabled:
            if name not in names:
                text = f"tools.calls.disabled names '{visible(name)}', and there is no such tool{nearest(name, names)}."
                self._ctx.notify(Notice("tool-unknown", text))

    async def learn(self, model: str, provider: str) -> None:
        """Learn whether a model is known to call tools; the provider is asked, unless it was a moment ago."""
        knowledge = self._ctx.services.find(ModelKnowledge)
        if knowledge is not None:
            limits = await knowledge.limits_of(model, provider)
            self._callers[model, provider] = limits.capabilities.tools

    def calls(self, model: str, provider: str) -> bool:
        """Say whether a model is known to call tools by itself."""
        known = self._callers.get((model, provider))
        if known is not None:
            return known
        knowledge = self._ctx.services.find(ModelKnowledge)
        return knowledge is not None and knowledge.look_up(model, provider).capabilities.tools

    def covers(self, model: str, provider: str) -> bool:
        """Say whether a model writes its calls as JSON: only if the user wants that, and it has no other way."""
        return self._settings.fallback and not self.calls(model, provider)

    def withheld(self, tool: str, *, attended: bool | None) -> str:
        """Say why a tool is offered to no model, whatever the model can do; empty when that depends on the model.

        :param attended: whether somebody is there who could be asked; None: as it is in this run
        """
        settings = self._settings
        attended = self.is_interactive if attended is None else attended
        if settings.offer == "none":
            return "tools.calls.offer is none"
        if tool in settings.disabled:
            return "tools.calls.disabled names it"
        if settings.offer == "auto" and not attended and self._risk(tool) != "none":
            return "a script gets what carries a risk only with --tools all"
        return ""

    def why_not(self, tool: str, model: str, provider: str, *, attended: bool) -> str:
        """Say why a tool is not offered to a model; empty when it is."""
        why, risk = self.withheld(tool, attended=attended), self._risk(tool)
        if why or risk == "none" or self._settings.offer == "all":
            return why
        if self.calls(model, provider) or self.covers(model, provider):
            return ""
        return f"its risk is {risk}, and {model or 'the model'} is not known to call tools"

    def _risk(self, tool: str) -> str:
        return self._risks().get(tool, "execute")

    async def adjusted(self, request: ChatRequest, provider: str) -> ChatRequest:
        """Leave out the tools that are not offered.

        An answer that is to have a given form cannot be a call: then no tool is offered, unless all are wanted.
        """
        settings = self._settings
        self.say_unknown()
        if settings.offer == "none" or (settings.offer == "auto" and request.schema is not None):
            return replace(request, tools=())
        if settings.fallback or (settings.offer == "auto" and self.is_interactive):
            await self.learn(request.model, provider)
        there = self.is_interactive
        kept = tuple(
            each for each in request.tools if not self.why_not(each.name, request.model, provider, attended=there)
        )
        return request if len(kept) == len(request.tools) else replace(request, tools=kept)


def known(services: ServiceFinder) -> Offering:
    """Return the one object of this run."""
    found = services.find(Offering)
    assert found is not None, "this plugin provides it"
    return found


def shared(ctx: HostContext) -> Offering:
    """Return it to other rooms."""
    return known(ctx.services)


async def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Leave out of a request the tools that its model is not to be offered."""
    if not request.tools:
        return request
    return await known(turn.host.services).adjusted(request, turn.provider)


async def begin(ctx: HostContext) -> None:
    """Note that somebody is there: this runs beside conversations at the terminal only."""
    known(ctx.services).is_interactive = True
