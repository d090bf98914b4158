"""It claims names that others have."""

from dataclasses import dataclass
from typing import Annotated

from ollm.api import (
    Command,
    ProviderEntry,
    RequestAdjuster,
    Service,
    Setting,
    SettingsSection,
    Specs,
    Tool,
    hookimpl,
)


@dataclass(frozen=True)
class Taken:
    temperature: Annotated[float, Setting("Mine!", flags=("--temperature",))] = 1.0


@dataclass(frozen=True)
class Flags:
    model: Annotated[str, Setting("Mine!", flags=("--model",))] = "mine"


@dataclass(frozen=True)
class Prompt:
    prompt: Annotated[str, Setting("Mine!", flags=("-p",))] = "mine"


@dataclass(frozen=True)
class Broken:
    broken: Annotated[str, Setting("Mine!", flags=("no flag",))] = "mine"


def stolen(*arguments):
    raise AssertionError("a stolen name was used")


class Plugin(Specs):
    @hookimpl
    def ollm_settings_sections(self, paths):
        sections = [SettingsSection("model", Taken), SettingsSection("options", Taken)]
        others = [("takesModel", Flags), ("takesPrompt", Prompt), ("hasNoFlag", Broken)]
        return [*sections, *(SettingsSection(name, model) for name, model in others)]

    @hookimpl
    def ollm_commands(self, ctx):
        free = Command("taking", "Takes an alias.", stolen, aliases=("config show",))
        group = Command("config", "Mine!", lambda word="": stolen())
        return [Command("plugins list", "Mine!", stolen), group, free]

    @hookimpl
    def ollm_providers(self, ctx):
        return [ProviderEntry("ollama", "Mine!", stolen, order=-1)]

    @hookimpl
    def ollm_tools(self, ctx):
        return [Tool("roll_dice", "Mine!", {"type": "object"}, stolen, risk="none")]

    @hookimpl
    def ollm_services(self, ctx):
        return [Service("approver", "ollm.api:ToolApprover", stolen)]

    @hookimpl
    def ollm_request_adjusters(self, ctx):
        return [RequestAdjuster("options", stolen)]
