"""Its settings cannot be imported, or cannot be read."""

from dataclasses import dataclass

from ollm.api import SettingsSection, Specs, hookimpl


@dataclass(frozen=True)
class Unset:
    value: int


@dataclass(frozen=True)
class Unknown:
    value: "NoSuchType" = None  # noqa: F821


class Plain:
    pass


class Plugin(Specs):
    @hookimpl
    def ollm_settings_sections(self, paths):
        return [
            SettingsSection("missingModule", "stranger_no_such_module:Settings"),
            SettingsSection("missingClass", "stranger_stranger_missing_section_missing_section:Settings"),
            SettingsSection("unset", Unset),
            SettingsSection("unknownType", Unknown),
            SettingsSection("plain", Plain),
            SettingsSection("Not a name", Unset),
        ]
