"""Its hooks return what they should not."""

from ollm.api import (
    Command,
    CommandGroup,
    ModelLimits,
    PromptPart,
    RequestAdjuster,
    SettingsLayer,
    Specs,
    Tool,
    TurnObserver,
    hookimpl,
)


async def run(ctx, arguments):
    return "done"


def command():
    pass


class Plugin(Specs):
    @hookimpl
    def ollm_services(self, ctx):
        return None

    @hookimpl
    def ollm_templates(self, ctx):
        return "a text"

    @hookimpl
    def ollm_status_items(self, ctx):
        return [1, 2, 3]

    @hookimpl
    def ollm_frontends(self, ctx):
        return 7

    @hookimpl
    def ollm_tools(self, ctx):
        return [
            Tool("Bad Name!", "…", {"type": "object"}, run),
            Tool("no_function", "…", {"type": "object"}, 5),
            Tool("no_reference", "…", {"type": "object"}, "not a reference"),
            Tool("no_description", None, {"type": "object"}, run),
            Tool("no_object", "…", int, run),
            Tool("no_schema", "…", None, run),
            Tool("no_json", "…", {"type": "object", "properties": {"a": object()}}, run),
        ]

    @hookimpl
    def ollm_commands(self, ctx):
        return [
            Command("no-summary", None, command),
            Command("no-surfaces", "…", command, surfaces=None),
            Command("no-aliases", "…", command, aliases=5),
            Command(5, "…", command),
            CommandGroup("nothing", None),
            Tool("misplaced", "…", {"type": "object"}, run),
        ]

    @hookimpl
    def ollm_settings_layers(self, ctx):
        return [SettingsLayer("nothing", None, None)]

    @hookimpl
    def ollm_model_limits(self, ctx):
        yield ModelLimits("half", "half:*", "llama", 4096)
        raise RuntimeError("it stops half-way")

    @hookimpl
    def ollm_prompt_parts(self, ctx):
        without_order = PromptPart("no-order", lambda turn: "never", order="first")
        return [PromptPart("number", lambda turn: 5), without_order]

    @hookimpl
    def ollm_request_adjusters(self, ctx):
        return [RequestAdjuster("returns-text", lambda request, turn: "a text")]

    @hookimpl
    def ollm_turn_observers(self, ctx):
        return [TurnObserver("no-functions", "nowhere", 5)]
