"""It prints while a turn is held."""

from ollm.api import PromptPart, RequestAdjuster, Specs, TurnObserver, hookimpl


def render(turn):
    print("I render!")


def adjust(request, turn):
    print("I adjust!")
    return request


class Plugin(Specs):
    @hookimpl
    def ollm_prompt_parts(self, ctx):
        return [PromptPart("printing", render)]

    @hookimpl
    def ollm_request_adjusters(self, ctx):
        return [RequestAdjuster("printing", adjust)]

    @hookimpl
    def ollm_turn_observers(self, ctx):
        return [TurnObserver("printing", lambda event: print(event), lambda turn: print(turn))]
