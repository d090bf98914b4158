"""Is routing on, and by which profile?"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
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

    A profile that is asked for this run switches routing on. So does one in the user's file, unless `enabled` is false
    there. A project's profile says how, not whether; and no project's word takes the place of a model that is named.

    :raises SettingsError: a value is bad
    """
    section = settings.section(RoutingSettings)
    given = settings.candidates(KEY)
    winner = given[-1]
    profile, where = section.default_profile, winner.where if winner.layer != "default" else "default"
    why = "" if winner.layer in _NOW else _off(settings, section, {each.layer for each in given})
    return Active(profile, where, not why, why)


def _off(settings: SettingsReader, section: RoutingSettings, layers: AbstractSet[str]) -> str:
    """Return why routing is off; empty if it is not."""
    named, switch = settings.candidates("model.default")[-1], settings.candidates("model.routing.enabled")[-1]
    if section.enabled is False:
        return f"model.routing.enabled is false ({switch.where})"
    if named.layer == "plugin" or (switch.layer == "plugin" and named.layer != "default"):
        return f"{named.where} names the model {named.raw}"
    if section.enabled or "user" in layers:
        return ""
    if "plugin" in layers:
        return "a project's profile alone does not switch it on; `ollm config set model.routing.enabled true` does"
    return "no profile is chosen; `ollm route use general` chooses one"
