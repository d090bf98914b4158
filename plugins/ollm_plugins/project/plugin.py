"""What does the room `project` hand in?"""
# ruff: noqa: ARG005, D102  (what is always the same needs no arguments, and shows what it is)

from typing import Protocol

import ollm.api as kinds
from ollm.api import Command, Specs, hookimpl

_AT = "ollm_plugins.project"
_COMMANDS = (
    ("detect", "Say of which type this project is.", "commands:detect", ("project detect --json",)),
    ("show", "Say what holds here, and instead of what.", "commands:show", ("project show --json",)),
    ("schema", "Print the JSON Schema of project.yaml.", "commands:print_schema", ("project schema",)),
    ("init", "Write a project.yaml.", "writing:init", ("project init", "project init rust")),
    ("use", "Choose the project's profile.", "writing:use", ("project use python",)),
    ("trust", "Let project.yaml hold, after a look at it.", "agreeing:trust", ("project trust",)),
    ("untrust", "Let project.yaml hold no longer.", "agreeing:untrust", ("project untrust",)),
)
_TYPES = ("typescript", "python", "rust", "go", "documentation")


class Projects(Protocol):
    """What is known of the project that the user works in."""

    def layers(self) -> list[kinds.SettingsLayer]: ...
    def profiles(self) -> list[kinds.ProjectProfile]: ...


class Plugin(Specs):
    """Suits settings to the project that one works in, if the user trusts it."""

    ollm_settings_sections = hookimpl(
        lambda self, paths: [kinds.SettingsSection("project", f"{_AT}.settings:ProjectSettings")]
    )
    ollm_services = hookimpl(
        lambda self, ctx: [
            kinds.Service("projects", Projects, f"{_AT}.service:KnownProjects"),
            kinds.Service("trusted-project", kinds.TrustedProject, f"{_AT}.service:of_host"),
        ]
    )
    ollm_project_detectors = hookimpl(
        lambda self, ctx: [kinds.ProjectDetector(t, f"{_AT}.detectors:{t}") for t in _TYPES]
    )
    ollm_prompt_parts = hookimpl(lambda self, ctx: [kinds.PromptPart("project", f"{_AT}.turns:prompt", order=20)])
    ollm_request_adjusters = hookimpl(lambda self, ctx: [kinds.RequestAdjuster("project-tools", f"{_AT}.turns:adjust")])
    ollm_status_items = hookimpl(lambda self, ctx: [kinds.StatusItem("project", f"{_AT}.turns:render", order=10)])
    ollm_value_completers = hookimpl(
        lambda self, ctx: [kinds.ValueCompleter("project-profile", f"{_AT}.completing:project_profiles")]
    )
    ollm_background_tasks = hookimpl(lambda self, ctx: [kinds.BackgroundTask("project", f"{_AT}.turns:greet")])

    @hookimpl
    def ollm_settings_layers(self, ctx: kinds.HostContext) -> list[kinds.SettingsLayer]:
        found = ctx.services.find(Projects)
        return found.layers() if found else []

    @hookimpl
    def ollm_project_profiles(self, ctx: kinds.HostContext) -> list[kinds.ProjectProfile]:
        found = ctx.services.find(Projects)
        return found.profiles() if found else []

    @hookimpl
    def ollm_commands(self, ctx: kinds.HostContext) -> list[Command | kinds.CommandGroup]:
        group = kinds.CommandGroup("project", "Suit settings to the project that you work in.")
        made = [Command(f"project {name}", text, f"{_AT}.{ref}", (), like) for name, text, ref, like in _COMMANDS]
        return [group, *made]
