"""Who answers a turn when routing is on? What costs time is imported only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollm.api import ChoiceRequest, HostContext, ModelChoice, ModelChooser, ModelNotFound, Notice, OllmError, UsageError
from ollm_plugins.routing.active import Active, active

if TYPE_CHECKING:
    from ollm_plugins.routing.decide import Decision
    from ollm_plugins.routing.gather import Gatherer
    from ollm_plugins.routing.situation import Situation


def create(ctx: HostContext) -> Chooser:
    """Make the service; nobody is asked yet."""
    return Chooser(ctx)


class Chooser(ModelChooser):
    """The service `ModelChooser`."""

    def __init__(self, host: HostContext) -> None:
        self._host = host
        self._made: Gatherer | None = None
        self._told: set[Notice] = set()

    async def choose(self, request: ChoiceRequest) -> ModelChoice | None:
        """Choose a model; None when routing is off, or nobody can be asked, which the kernel then says.

        :raises ModelNotFound: none can do what the turn needs
        :raises UsageError: there is no such profile
        """
        wanted = active(self._host.settings)
        if request.profile is not None:
            wanted = Active(request.profile, "the prompt", on=True)
        if not wanted.on:
            return None
        try:
            situation = await self._situation(wanted, request)
        except UsageError:
            raise
        except OllmError:
            return None
        if situation.candidates and all(each.barrier for each in situation.candidates):
            return None
        return self._once(_choice(situation))

    def _once(self, choice: ModelChoice) -> ModelChoice:
        """Leave out what was said for an earlier turn: a fallback that stays is said once, another one anew."""
        new = tuple(notice for notice in choice.notices if notice not in self._told)
        self._told.update(new)
        return ModelChoice(choice.provider, choice.model, new)

    async def _situation(self, wanted: Active, request: ChoiceRequest) -> Situation:
        from ollm_plugins.routing.gather import Gatherer
        from ollm_plugins.routing.needs import needs_of
        from ollm_plugins.routing.profiles import AUTO

        profile = wanted.profile
        if profile == AUTO:
            from ollm_plugins.routing.classify import classify_turn

            earlier = [each.content for each in request.messages if each.role == "user"]
            profile = classify_turn(request.prompt, earlier).profile
        self._made = self._made or Gatherer(self._host)
        needed = needs_of(request, self._host)
        return await self._made.situation(profile, needed, request.prompt, wanted.where)


def _choice(situation: Situation) -> ModelChoice:
    """Return who answers; tools that no model can call are left out rather than every turn refused."""
    from ollm.api import replace
    from ollm_plugins.routing.decide import decide

    decision, told = decide(situation), situation.notices
    needed = situation.requirement
    if decision.chosen is None and "tools" in needed.needs:
        others = tuple(each for each in needed.needs if each != "tools")
        second = decide(replace(situation, requirement=replace(needed, needs=others)))
        if second.chosen is not None:
            text = f"No installed model that qualifies can call tools, so {second.chosen.name} answers without them."
            decision, told = second, (*told, Notice("routing-without-tools", text))
    if decision.chosen is None:
        raise _refusal(situation, decision)
    chosen = decision.chosen
    return ModelChoice(chosen.provider, chosen.name, (*told, *decision.notices))


def _refusal(situation: Situation, decision: Decision) -> ModelNotFound:
    from ollm_plugins.routing.lacking import missing, offered

    offer = offered(situation, decision.profile)
    pull = f"`ollm model pull {offer.name}` fetches one. " if offer else ""
    problem = f"Routing by {decision.profile.name} finds no model: {missing(situation, decision.profile)}"
    return ModelNotFound(problem, f"{pull}`ollm route explain` tells of each model.")
