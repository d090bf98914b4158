"""Is routing on, and by which profile?"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ollm.api import SettingsReader
from ollm_plugins.routing.settings import RoutingSettings

KEY: Final = "model.routing.defaultProfile"
_NOW: Final = ("environment", "flag", "session")
"""Layers in which a profile is asked for this very run."""


class Active(Struct, frozen=True):
    """The profile in force.

    :param where: where it comes from: "default", a file and line, a variable, a flag
    :param on: whether a model is chosen for each turn
    :param why: why not; empty when it is
    """

    profile: str
    where: str
    on: bool
    why: str = ""


def active(settings: SettingsReader) -> Active:
    """Say which profile is in force, and whether routing is on.

    A profile that is asked for this run switches routing on. So does one that stands in a file, unless the settings
    say `enabled: false`; one that a project brings does not take the place of a model that is named.

    :raises SettingsError: a value is bad
    """
    section = settings.section(RoutingSettings)
    winner = settings.candidates(KEY)[-1]
    profile, where = section.default_profile, winner.where if winner.layer != "default" else "default"
    why = "" if winner.layer in _NOW else _off(settings, section, winner.layer)
    return Active(profile, where, not why, why)


def _off(settings: SettingsReader, section: RoutingSettings, layer: str) -> str:
    """Return why routing is off; empty if it is not."""
    named = settings.candidates("model.default")[-1]
    if section.enabled is False:
        return f"model.routing.enabled is false ({settings.origin('model.routing.enabled')})"
    if named.layer == "plugin":
        return f"{named.where} names the model {named.raw}"
    if section.enabled:
        return ""
    if layer == "default":
        return "no profile is chosen; `ollm route use general` chooses one"
    if layer == "plugin" and named.layer != "default":
        return f"{named.where} names the model {named.raw}, which a project's profile does not replace"
    return ""
