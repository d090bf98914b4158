"""What does the room `shell` hand in?"""

from __future__ import annotations

from ollm.api import HostContext, Paths, SettingsSection, Specs, Tool, hookimpl

_AT = "ollm_plugins.shell"
_TOLD = """Run a command line in the project's folder and return its output (stdout and stderr) and exit code.
Nothing can be typed into it. It ends with the command: what it starts in the background is ended, too."""
_PARAMETERS = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "description": "The command line, e.g. 'pytest -q tests'"},
        "timeout": {"type": "number", "description": "Seconds after which it is ended"},
        "directory": {"type": "string", "description": "A folder within the project to run it in"},
    },
    "required": ["command"],
}


class Plugin(Specs):
    """Lets models run commands, one approval each."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the section `tools.shell`."""
        return [SettingsSection("tools.shell", f"{_AT}.settings:ShellSettings")]

    @hookimpl
    def ollm_tools(self, ctx: HostContext) -> list[Tool]:
        """Hand in the tool `shell`."""
        return [Tool("shell", _TOLD, _PARAMETERS, f"{_AT}.tool:run", "execute", f"{_AT}.tool:preview")]
