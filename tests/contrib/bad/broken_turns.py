"""What it adds to a turn raises."""

from ollm.api import PromptPart, RequestAdjuster, Specs, TurnObserver, hookimpl


def broken(what):
    def function(*arguments):
        raise RuntimeError(f"{what} is broken")

    return function


class Plugin(Specs):
    @hookimpl
    def ollm_prompt_parts(self, ctx):
        missing = PromptPart("missing-part", "stranger_no_such_module:render")
        return [PromptPart("broken-part", broken("the part")), missing]

    @hookimpl
    def ollm_request_adjusters(self, ctx):
        return [RequestAdjuster("broken-adjuster", broken("the adjuster"))]

    @hookimpl
    def ollm_turn_observers(self, ctx):
        return [TurnObserver("broken-observer", broken("on_event"), broken("on_turn"))]
