"""What holds in the project that the user works in, and why?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from ollm.api import ContributedProjects, Detection, ProjectProfile, SettingsError, SettingsLayer, path_of, replace
from ollm_plugins.project.finding import Found, find
from ollm_plugins.project.folders import shown
from ollm_plugins.project.reading import FILE, Content, read
from ollm_plugins.project.settings import ProjectSettings

if TYPE_CHECKING:
    from ollm.api import HostContext
    from ollm_plugins.project.form import ProjectFile
    from ollm_plugins.project.trust import Trust

State = Literal["none", "unfit", "untrusted", "changed", "trusted"]
"""Of the project's file. none: there is none. unfit: it is no file that can be read. untrusted: the user has never
agreed to it. changed: the user has agreed to another content. trusted: it is applied."""

ROUTING = "model.routing.defaultProfile"


class InForce(Struct, frozen=True):
    """What holds in a project.

    :param root: the folder whose `.ollm/project.yaml` it is, else that of the type that was detected
    :param content: of the file, whether it is trusted or not
    :param file: what it says; only when it is trusted
    :param profile: the one that the file names, else that of the detected type; None when there is none
    :param detected: what the profile was picked by, when the file does not name it
    :param agents: the text for the system prompt that the file asks for, when that is trusted as well
    :param remarks: what the user must know, a line each
    """

    found: Found
    root: Path
    state: State = "none"
    content: Content | None = None
    file: ProjectFile | None = None
    profile: ProjectProfile | None = None
    detected: Detection | None = None
    agents: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def tools_enabled(self) -> tuple[str, ...]:
        """The only tools that are offered, as globs; empty for all."""
        if self.file and self.file.tools_enabled is not None:
            return self.file.tools_enabled
        return tuple(self.profile.tools_enabled) if self.profile else ()

    @property
    def tools_disabled(self) -> tuple[str, ...]:
        """Tools that are not offered, as globs."""
        if self.file and self.file.tools_disabled is not None:
            return self.file.tools_disabled
        return tuple(self.profile.tools_disabled) if self.profile else ()

    @property
    def system_prompt(self) -> str:
        """What the profile adds to the system prompt; nothing where the file has one of its own."""
        own = self.file is not None and "chat.systemPrompt" in self.file.values
        return "" if own or self.profile is None else self.profile.system_prompt

    def without_guess(self) -> InForce:
        """Return what holds without a profile that was picked by the look of files alone."""
        if self.detected is None or self.file is not None:
            return self
        remarks = tuple(remark for remark in self.remarks if remark != _told(self))
        return replace(self, profile=None, detected=None, remarks=remarks)

    def offers(self, tool: str) -> bool:
        """Whether a tool may be offered; a project can only take tools away."""
        enabled = not self.tools_enabled or any(fnmatchcase(tool, each) for each in self.tools_enabled)
        return enabled and not any(fnmatchcase(tool, each) for each in self.tools_disabled)

    def layers(self, ctx: HostContext) -> list[SettingsLayer]:
        """Return the settings that the project gives: those of a detected type below those of the file."""
        routed = self.profile.routing_profile if self.profile else None
        found: list[SettingsLayer] = []
        if self.detected and routed and can_route(ctx):
            by = self.detected.root / self.detected.evidence[0] if self.detected.evidence else self.detected.root
            found.append(SettingsLayer("project-type", by, _nested({ROUTING: routed})))
        if self.file is not None:
            values, lines = self._of_profile(ctx)
            values, lines = {**values, **self.file.values}, {**lines, **self.file.lines}
            found.append(SettingsLayer("project", self.file.path, _nested(values), lines))
        return found

    def _of_profile(self, ctx: HostContext) -> tuple[dict[str, Any], dict[str, int]]:
        """Return what the profile that the file names sets, and the line in which it is named."""
        if self.profile is None or self.file is None or self.detected is not None:
            return {}, {}
        routed = self.profile.routing_profile if can_route(ctx) else None
        given = {"model.default": self.profile.model, ROUTING: routed}
        values = {key: value for key, value in given.items() if value}
        line = self.file.lines.get("profile")
        return values, dict.fromkeys(values, line) if line else {}


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for key, value in values.items():
        *above, last = key.split(".")
        node = root
        for name in above:
            node = node.setdefault(name, {})
        node[last] = value
    return root


def can_route(ctx: HostContext) -> bool:
    """Whether a plugin is there that chooses models by profile."""
    return ctx.settings.field_at(path_of(ROUTING)) is not None


def profiles(ctx: HostContext) -> dict[str, ProjectProfile]:
    """Return all project profiles by name."""
    contributed = ctx.services.find(ContributedProjects)
    return {owned.item.name: owned.item for owned in contributed.project_profiles()} if contributed else {}


def detecting(ctx: HostContext) -> bool:
    """Whether the type of a project picks a profile; not while the user's settings cannot be understood."""
    try:
        return ctx.settings.section(ProjectSettings).detect
    except SettingsError:  # whoever uses the settings reports it
        return False


def file_root(ctx: HostContext, found: Found) -> Path | None:
    """Return the nearest folder that has a project's file, or something in its place; the user's own is none."""
    home = os.path.realpath(ctx.paths.home)
    for folder in found.folders:
        if os.path.lexists(folder / FILE) and os.path.realpath((folder / FILE).parent) != home:
            return folder
    return None


def look(ctx: HostContext, trusted: Callable[[], Trust]) -> InForce:
    """Find out what holds in the working folder.

    :param trusted: returns what the user trusts; asked only where there is a file
    """
    found = find(ctx, detecting=detecting(ctx))
    root = file_root(ctx, found)
    if root is None:
        return _typed(ctx, InForce(found, found.chosen.root if found.chosen else found.folder))
    try:
        content = read(root, FILE)
    except SettingsError as error:
        return _typed(ctx, InForce(found, root, "unfit", remarks=(f"{error}, so it is not applied.",)))
    if content is None:
        return _typed(ctx, InForce(found, root))
    trust = trusted()
    if trust.trusts(root, content):
        return _applied_or_unfit(ctx, trust, InForce(found, root, "trusted", content))
    state: State = "untrusted" if trust.of(root) is None else "changed"
    return _typed(ctx, InForce(found, root, state, content, remarks=(_distrust(found, root, state),)))


def _distrust(found: Found, root: Path, state: State) -> str:
    whose = f"This folder's {FILE}" if root == found.folder else shown(root / FILE)
    if state == "untrusted":
        return f"{whose} is not trusted, so it is not applied; `ollm project trust` shows what it would change."
    return f"{whose} has changed since you trusted it, so it is not applied; `ollm project trust` shows what changed."


def _typed(ctx: HostContext, so_far: InForce) -> InForce:
    """Add the profile of the detected type."""
    chosen = so_far.found.chosen
    profile = profiles(ctx).get(chosen.project_type) if chosen else None
    if chosen is None or profile is None:
        return so_far
    made: InForce = replace(so_far, profile=profile, detected=chosen)
    return made if so_far.file else replace(made, remarks=(*so_far.remarks, _told(made)))


def _told(typed: InForce) -> str:
    """Say in one line what was detected, and what that changes."""
    assert typed.detected is not None, "it was detected"
    name = typed.detected.project_type
    where = f" in {shown(typed.detected.root)}" if typed.detected.root != typed.found.folder else ""
    because = ", ".join(typed.detected.evidence[:2])
    return (
        f"This is a {name} project ({because}{where}), so the profile '{name}' holds; `ollm project show` says what that "
        "changes."
    )


def _applied_or_unfit(ctx: HostContext, trust: Trust, so_far: InForce) -> InForce:
    """Apply a file that was understood when it was trusted; another version of ollm may see it differently."""
    try:
        return _applied(ctx, trust, so_far)
    except SettingsError as error:
        return _typed(ctx, replace(so_far, state="unfit", remarks=(f"{error}, so it is not applied.",)))


def _applied(ctx: HostContext, trust: Trust, so_far: InForce) -> InForce:
    """Add what a trusted file says."""
    from ollm_plugins.project.form import understand

    assert so_far.content is not None, "it was read"
    file = understand(ctx.settings, so_far.content)
    applied: InForce = replace(so_far, file=file, remarks=tuple(_said(ctx, so_far.root, file)))
    named = profiles(ctx).get(file.profile)
    applied = _typed(ctx, applied) if not file.profile else replace(applied, profile=named)
    return _with_agents(trust, applied) if file.agents_file else applied


def _said(ctx: HostContext, root: Path, file: ProjectFile) -> Iterator[str]:
    profile = f" with the profile '{file.profile}'" if file.profile else ""
    unknown = file.profile and file.profile not in profiles(ctx)
    but = ", which is not installed, so that only what the file itself says holds" if unknown else ""
    yield f"{shown(root / FILE)} holds here{profile}{but}."
    yield from file.refused


def _with_agents(trust: Trust, so_far: InForce) -> InForce:
    """Add the text that the file asks for, if its content is trusted as well."""
    assert so_far.file is not None, "it asks for the text"
    name = so_far.file.agents_file
    try:
        content = read(so_far.root, name)
    except SettingsError as error:
        remark = f"{error}, so it is not used."
    else:
        if content is not None and trust.trusts(so_far.root, content):
            return replace(so_far, agents=content.text)
        remark = "has changed since you trusted it, so it is not used; `ollm project trust` shows what changed."
        if content is None:
            remark = f"is not there, though {FILE} names it."
        remark = f"{shown(so_far.root / name)} {remark}"
    return replace(so_far, remarks=(*so_far.remarks, remark))
