"""What does this room hand in?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ollm.api import ProviderEntry, SettingsSection, Specs, hookimpl

if TYPE_CHECKING:
    from ollm.api import HostContext, Paths


class Plugin(Specs):
    """Ollama as a provider of models."""

    @hookimpl
    def ollm_providers(self, ctx: HostContext) -> Sequence[ProviderEntry]:
        """Offer the server; it is not asked whether it is there before it is needed."""
        entry = ProviderEntry(
            "ollama",
            "Ollama's server, over its native API",
            create="ollm_plugins.ollama.provider:create",
            order=10,
            address="providers.ollama.host",
        )
        return [entry]

    @hookimpl
    def ollm_settings_sections(self, paths: Paths) -> Sequence[SettingsSection]:
        """Declare where the server is and how long to wait for it."""
        return [SettingsSection("providers.ollama", "ollm_plugins.ollama.settings:OllamaSettings")]
