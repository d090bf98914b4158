"""What does the room `web` hand in?"""

from __future__ import annotations

from ollm.api import HostContext, Paths, SettingsSection, Specs, Tool, hookimpl

_AT = "ollm_plugins.web"
_TOLD = """Fetch a public web page, or another text, and return it as readable text with its title and links.
It sends a GET request without cookies and runs no scripts."""
_PARAMETERS = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "The whole address, beginning with https:// or http://"},
        "maxCharacters": {"type": "integer", "description": "How much of the text to return, at most"},
        "raw": {"type": "boolean", "description": "Return the source of a page instead of its text"},
    },
    "required": ["url"],
}


class Plugin(Specs):
    """Lets models read the web, one approval each."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the section `tools.web`."""
        return [SettingsSection("tools.web", f"{_AT}.settings:WebSettings")]

    @hookimpl
    def ollm_tools(self, ctx: HostContext) -> list[Tool]:
        """Hand in the tool `web_fetch`."""
        return [Tool("web_fetch", _TOLD, _PARAMETERS, f"{_AT}.tool:run", "network", f"{_AT}.tool:preview")]
