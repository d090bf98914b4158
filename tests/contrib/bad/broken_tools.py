"""Its tools fail, print, or cannot be imported."""

from ollm.api import Specs, Tool, hookimpl

NOTHING = {"type": "object", "properties": {}}


async def raises(ctx, arguments):
    raise RuntimeError("the tool is broken")


async def prints(ctx, arguments):
    print("I run!")
    return "printed"


class Plugin(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        return [
            Tool("raising", "Raises.", NOTHING, raises, risk="none"),
            Tool("printing", "Prints.", NOTHING, prints, risk="none"),
            Tool("missing", "Cannot be imported.", NOTHING, "stranger_no_such_module:run", risk="none"),
            Tool("typeless", "Cannot be described.", "stranger_no_such_module:Type", raises, risk="none"),
        ]
