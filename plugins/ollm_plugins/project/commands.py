"""What do the commands show that change nothing?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ollm.api import CommandContext, Detection, Json, Notice, OllmError
from ollm_plugins.project.effects import effects
from ollm_plugins.project.finding import FOLDERS, find, parts
from ollm_plugins.project.folders import shown
from ollm_plugins.project.inforce import InForce, profiles
from ollm_plugins.project.reading import FILE
from ollm_plugins.project.service import known


def detect(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Say of which type the project is, by which files, how surely, and which projects are inside of it."""
    found = find(ctx.app.context)
    root = found.workspace or (found.chosen.root if found.chosen else found.repository or found.folder)
    below = parts(ctx.app.context, root)
    chosen = found.chosen
    profile = profiles(ctx.app.context).get(chosen.project_type) if chosen else None
    if not below.complete:
        text = f"Only {FOLDERS} folders below {root} were looked at; there may be more projects in it."
        ctx.app.context.notify(Notice("project-parts-cut", text))
    if as_json:
        ctx.out.document(
            {
                "folder": found.folder,
                "type": chosen.project_type if chosen else None,
                "root": chosen.root if chosen else None,
                "evidence": chosen.evidence if chosen else (),
                "confidence": chosen.confidence if chosen else None,
                "profile": profile.name if profile else None,
                "workspace": found.workspace,
                "repository": found.repository,
                "detections": found.detections,
                "parts": below.detections,
                "complete": below.complete,
            }
        )
        return
    if chosen is None:
        ctx.out.print(f"No type of project was recognized in {found.folder}")
    else:
        ctx.out.print(f"{chosen.project_type}: {shown(chosen.root)}")
        ctx.out.print(f"profile: {profile.name if profile else 'none of that name is installed'}")
    if found.workspace:
        ctx.out.print(f"part of: {shown(found.workspace)}")
    rows = [*map(_row, found.detections), *(_row(each) for each in below.detections if each not in found.detections)]
    if rows:
        ctx.out.table(("type", "confidence", "root", "because of"), rows)


def _row(detection: Detection) -> tuple[object, ...]:
    sure = f"{detection.confidence:.0%}"
    return detection.project_type, sure, shown(detection.root), ", ".join(detection.evidence)


def show(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Say which profile and which file hold here, what they set, and what they set it instead of."""
    projects = known(ctx.app.services)
    now = projects.now
    found = effects(ctx.app, now)
    if as_json:
        more = {"sha256": _digest(ctx), "effects": found, "remarks": now.remarks}
        ctx.out.document({**_document(now), **more})
        return
    for line in _lines(now):
        ctx.out.print(line)
    if now.state == "none":
        for folder, state in ((projects.folder(), _AGREED), (projects.distrusted(), _NOT_AGREED)):
            if folder is not None:
                ctx.out.print(f"{shown(folder)}: {state}")
    if found:
        rows = [(each.name, each.value, each.origin, each.instead, each.beaten) for each in found]
        ctx.out.table(("what", "value", "from", "instead of", "but stronger is"), rows)
    for remark in now.remarks:
        ctx.out.say(f"ollm: {remark}")
    projects.is_told()


def _lines(now: InForce) -> Iterator[str]:
    yield f"root: {shown(now.root)}"
    named = now.file.profile if now.file else ""
    if named or now.profile:
        because = (
            f"{now.root / FILE}" if named else f"detected: {', '.join(now.detected.evidence if now.detected else ())}"
        )
        yield f"profile: {named or (now.profile.name if now.profile else '')} ({because})"
    else:
        yield "profile: none"
    yield f"{FILE}: {_STATES[now.state]}"


_AGREED = "trusted, each file with the content that you have agreed to"
_NOT_AGREED = "not trusted, so nothing in it is used; `ollm project trust` shows it"
_STATES = {
    "none": "there is none",
    "unfit": "cannot be read, so it is not applied",
    "untrusted": "not trusted, so it is not applied",
    "changed": "changed since you trusted it, so it is not applied",
    "trusted": "trusted, so it is applied",
}


def _document(now: InForce) -> dict[str, Any]:
    """Describe a project for programs."""
    return {
        "root": now.root,
        "type": now.found.chosen.project_type if now.found.chosen else None,
        "profile": now.file.profile if now.file and now.file.profile else now.profile.name if now.profile else None,
        "file": now.root / FILE if now.state != "none" else None,
        "state": now.state,
        "toolsEnabled": now.tools_enabled,
        "toolsDisabled": now.tools_disabled,
    }


def _digest(ctx: CommandContext) -> str | None:
    """Return the hash that `project trust --sha256` takes; None when nothing can be trusted here."""
    from ollm_plugins.project.agreeing import examine

    try:
        return examine(ctx, known(ctx.app.services)).digest
    except OllmError:  # the remarks say why
        return None


def print_schema(
    ctx: CommandContext,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Changes nothing: it is JSON anyway.")] = False,  # noqa: ARG001
) -> None:
    """Print the JSON Schema of project.yaml; editors use it to complete and check."""
    from ollm_plugins.project.schema import project_schema

    ctx.out.document(project_schema(ctx.app.settings))
