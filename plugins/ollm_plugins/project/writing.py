"""How is a project's file written?

Where it stands, strangers may have put links, so none is followed. What ollm writes at the wish of somebody at a
terminal is trusted at once; in a script it waits for `project trust`, like any other content.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ollm.api import (
    CommandContext,
    Completes,
    Json,
    ProjectProfile,
    UsageError,
    change_setting,
    file_lock,
    nearest,
    parse_settings,
    to_document,
    write_atomically,
)
from ollm_plugins.project.agreeing import examine
from ollm_plugins.project.finding import Found, find
from ollm_plugins.project.inforce import file_root, profiles
from ollm_plugins.project.reading import FILE, FOLDER, read
from ollm_plugins.project.schema import SCHEMA, project_schema
from ollm_plugins.project.service import KnownProjects, known

Profile = Annotated[
    str | None, typer.Argument(help="As in `project detect`.", metavar="[PROFILE]"), Completes("project-profile")
]


def init(
    ctx: CommandContext,
    profile: Profile = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before a file is replaced.")] = False,
    as_json: Json = False,
) -> None:
    """Write a commented .ollm/project.yaml, without PROFILE for the type that is detected."""
    projects = known(ctx.app.services)
    found = find(ctx.app.context)
    chosen, root = _chosen(ctx, found, profile), _root(ctx, found)
    path = root / FILE
    if path.exists() or path.is_symlink():
        question = f"{path} exists. Replace it?"
        if not yes and not ctx.out.can_ask:
            raise UsageError(
                f"{path} exists, and nobody can be asked whether to replace it", "Say --yes to replace it."
            )
        if not yes and not ctx.out.confirm(question):
            ctx.out.say("ollm: Nothing was written.")
            return
    written = _text(chosen)
    _write(ctx, root, written)
    _finish(ctx, projects, root, chosen.name, written, as_json=as_json)


def use(ctx: CommandContext, profile: Annotated[str, typer.Argument(help="A project profile."), Completes("project-profile")], *, as_json: Json = False) -> None:  # fmt: skip
    """Choose the profile in .ollm/project.yaml, which is written if need be; the rest of it stays as it is."""
    projects = known(ctx.app.services)
    found = find(ctx.app.context)
    chosen, root = _chosen(ctx, found, profile), _root(ctx, found)
    with file_lock(ctx.app.paths.home / "project.yaml"):  # not beside the file: that folder is the project's
        content = read(root, FILE)
        if content is not None:
            parse_settings(content.path, content.text)  # so that a mistake is told of this file, not of its copy
        may_trust = content is None or projects.trust.trusts(root, content)
        written = _text(chosen) if content is None else _with_profile(content.text, chosen.name)
        _write(ctx, root, written)
    _finish(ctx, projects, root, chosen.name, written if may_trust else "", as_json=as_json)


def _root(ctx: CommandContext, found: Found) -> Path:
    """Return the folder whose file is meant: that of the one that is there, else the project's root.

    :raises UsageError: ollm keeps its own files where the project's would stand
    """
    there = file_root(ctx.app.context, found)
    root = there or (found.chosen.root if found.chosen else found.repository or found.folder)
    if os.path.realpath(root / FOLDER) == os.path.realpath(ctx.app.paths.home):
        raise UsageError(f"{root / FOLDER} holds your own settings, so it cannot hold a project's", "Go elsewhere.")
    return root


def _chosen(ctx: CommandContext, found: Found, name: str | None) -> ProjectProfile:
    """Return the named profile, else the one of the detected type.

    :raises UsageError: there is none
    """
    known_profiles = profiles(ctx.app.context)
    wanted = name if name is not None else found.chosen.project_type if found.chosen else None
    names = ", ".join(known_profiles) or "none"
    if wanted is None:
        raise UsageError("The type of this project was not recognized", f"Name a profile: {names}.")
    if wanted not in known_profiles:
        problem = f"There is no project profile '{wanted}'{nearest(wanted, known_profiles)}"
        raise UsageError(problem, f"There are: {names}.")
    return known_profiles[wanted]


def _write(ctx: CommandContext, root: Path, text: str) -> None:
    """Write the file, and beside it the schema that its first line names.

    :raises OllmError: a link is in the way, or it cannot be written
    """
    schema = json.dumps(to_document(project_schema(ctx.app.settings)), indent=2, ensure_ascii=False)
    write_atomically(root / FILE, text, follow=False)
    write_atomically(root / FOLDER / SCHEMA, f"{schema}\n", follow=False)


def _with_profile(text: str, name: str) -> str:
    """Set the profile in a file's text, all else stays; done on a copy in a folder that only the user may write."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project.yaml"
        copy.write_bytes(text.encode())
        change_setting(copy, ("profile",), name)
        return copy.read_bytes().decode()


def _finish(
    ctx: CommandContext, projects: KnownProjects, root: Path, profile: str, written: str, *, as_json: bool
) -> None:
    """Trust what was written, if somebody is there who wanted it, and say what has come of it.

    :param written: what may be trusted; nothing else that stands there by now is
    """
    ctx.app.reload_layers()
    if written and ctx.out.can_ask:
        file, *others = examine(ctx, projects).contents
        if file.text == written:
            projects.trust.give(root, (file, *(each for each in others if projects.trust.trusts(root, each))))
            ctx.app.reload_layers()
    projects.is_told()
    state = projects.now.state
    if as_json:
        ctx.out.document({"file": root / FILE, "profile": profile, "state": state})
        return
    ctx.out.print(f"{root / FILE} has the profile '{profile}'")
    if state != "trusted":
        ctx.out.say("ollm: It is not applied yet; `ollm project trust` shows what it would change.")


def _text(profile: ProjectProfile) -> str:
    """Return the file for a profile: what it names holds, what else could be said stands there as comments."""
    enabled = ", ".join(profile.tools_enabled) or "read_file, write_file, glob"
    disabled = ", ".join(profile.tools_disabled) or "web_fetch"
    return f"""\
# yaml-language-server: $schema={SCHEMA}
# What ollm does in this project. It holds once you have agreed to it: ollm project trust
version: 1

# `ollm project show` says what a profile sets; what stands below replaces that.
profile: {profile.name}

# The model that answers here.
# model: llama3.1:8b

# What the model is told before the conversation, instead of what the profile says.
# systemPrompt: |
#   You are helping with …

# Only the tools under `enabled` are offered, and none of those under `disabled`.
# tools:
#   enabled: [{enabled}]
#   disabled: [{disabled}]

# How the model is chosen.
# routing:
#   defaultProfile: {profile.routing_profile or "general"}

# How answers are generated.
# options:
#   temperature: 0.2

# Add AGENTS.md to the system prompt.
# agentsFile: true
"""
