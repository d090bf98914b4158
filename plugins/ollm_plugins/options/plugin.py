"""What does the room `options` hand in?"""

from __future__ import annotations

from ollm.api import HostContext, Paths, RequestAdjuster, SettingsSection, Specs, hookimpl


class Plugin(Specs):
    """Options of generation: temperature, limits, seed."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> list[SettingsSection]:
        """Hand in the section `options`."""
        return [SettingsSection("options", "ollm_plugins.options.settings:OptionsSettings")]

    @hookimpl
    def ollm_request_adjusters(self, ctx: HostContext) -> list[RequestAdjuster]:
        """Hand in what puts the options into a request."""
        return [RequestAdjuster("options", "ollm_plugins.options.adjust:adjust", order=10)]
