"""What does ollm-dice hand in?"""

from __future__ import annotations

from ollm.api import Command, CommandGroup, HostContext, Paths, PromptPart, SettingsSection, Specs, Tool, hookimpl


class Plugin(Specs):
    """Dice for models and people."""

    requires_api = 1

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the section `dice`."""
        return [SettingsSection("dice", "ollm_dice.settings:DiceSettings")]

    @hookimpl
    def ollm_tools(self, ctx: HostContext) -> list[Tool]:
        """Hand in the tool `roll_dice`."""
        told = "Roll a die; returns the number that came up."
        return [Tool("roll_dice", told, "ollm_dice.dice:Die", "ollm_dice.dice:roll_dice", risk="none")]

    @hookimpl
    def ollm_commands(self, ctx: HostContext) -> list[Command | CommandGroup]:
        """Hand in `dice roll`."""
        examples = ("dice roll", "dice roll --sides 20 --json")
        roll = Command("dice roll", "Roll a die.", "ollm_dice.dice:roll", examples=examples)
        return [CommandGroup("dice", "Roll dice."), roll]

    @hookimpl
    def ollm_prompt_parts(self, ctx: HostContext) -> list[PromptPart]:
        """Hand in what the model is told of the tool."""
        return [PromptPart("dice", "ollm_dice.dice:advice")]
