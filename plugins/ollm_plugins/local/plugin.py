"""What does the room `local` hand in? A provider whose engine runs in this very process, and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ollm.api import ProviderEntry, SettingsSection, Specs, hookimpl

if TYPE_CHECKING:
    from ollm.api import HostContext, Paths

_STAND_IN = "in this process; its built-in model is a small one that knows little and errs often"


class Plugin(Specs):
    """The embedded engine."""

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> Sequence[SettingsSection]:
        """Hand in `providers.local`."""
        return [SettingsSection("providers.local", "ollm_plugins.local.settings:LocalSettings")]

    @hookimpl
    def ollm_providers(self, ctx: HostContext) -> Sequence[ProviderEntry]:
        """Hand in the provider; it comes last, because a server usually has better models."""
        return [
            ProviderEntry(
                "local",
                "An engine in the same process, with a small model; needs no server",
                create="ollm_plugins.local.provider:create",
                order=90,
                stand_in=_STAND_IN,
            )
        ]
