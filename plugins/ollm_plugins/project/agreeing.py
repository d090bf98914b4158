"""How does a user agree to what a project wants?

Only at a terminal, after a look at what would change; or, where nobody can be asked, by naming the hash of the very
content that was examined. There is no `--yes`: it would agree to whatever the file says at that moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import Struct

from ollm.api import CommandContext, Json, SettingsError, UsageError, revealed, to_document, visible
from ollm_plugins.project.beside import Beside, beside, beside_root
from ollm_plugins.project.effects import Effect, effects
from ollm_plugins.project.folders import shown
from ollm_plugins.project.form import ProjectFile, understand
from ollm_plugins.project.inforce import InForce, file_root, profiles
from ollm_plugins.project.reading import FILE, FOLDER, Content, digest, read
from ollm_plugins.project.service import KnownProjects, known

if TYPE_CHECKING:
    from ollm_plugins.project.finding import Found
    from ollm_plugins.project.trust import TrustedProject


class Proposal(Struct, frozen=True):
    """What a user is asked to agree to.

    :param contents: the project's file and the text that it asks for, then those beside it that can be used
    :param refused: a line for each file beside it that cannot be agreed to
    :param after: what would hold; None where the project has no file of its own, which is what changes something
    """

    root: Path
    contents: tuple[Content, ...]
    refused: tuple[str, ...] = ()
    after: InForce | None = None

    @property
    def path(self) -> Path:
        """What the user is asked about."""
        return self.root / (FILE if self.after else FOLDER)

    def effects(self, ctx: CommandContext) -> list[Effect]:
        """List what would change."""
        return effects(ctx.app, self.after) if self.after else []

    @property
    def digest(self) -> str:
        """The hash that names this content."""
        return digest(self.contents)


def trust(
    ctx: CommandContext,
    *,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="Agree to the content with this hash, without a question.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the project's files would change, ask, and apply them from then on, as long as they stay as they are."""
    projects = known(ctx.app.services)
    proposal = examine(ctx, projects)
    if not proposal.contents:
        raise UsageError(f"Nothing in {shown(proposal.path)} can be trusted: {'; '.join(proposal.refused)}")
    if all(projects.trust.trusts(proposal.root, each) for each in proposal.contents):
        _done(ctx, projects, proposal, "already trusted", as_json=as_json)
        return
    say = ctx.out.say if as_json else ctx.out.prose
    for line in _shown(ctx, proposal, projects.trust.of(proposal.root)):
        say(revealed(line))
    if not _agreed(ctx, proposal, sha256):
        ctx.out.say("ollm: It is not trusted; nothing has changed.")
        if as_json:
            ctx.out.document(_document(ctx, proposal, trusted=False))
        return
    projects.trust.give(proposal.root, proposal.contents)
    ctx.app.reload_layers()
    _done(ctx, projects, proposal, "now trusted, as long as it stays as it is", as_json=as_json)


def untrust(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Apply the project's files no longer."""
    projects = known(ctx.app.services)
    found = projects.now.found
    roots = [file_root(ctx.app.context, found), *found.folders]
    withdrawn = next((root for root in roots if root is not None and projects.trust.withdraw(root)), None)
    ctx.app.reload_layers()
    projects.is_told()
    if as_json:
        ctx.out.document({"root": withdrawn, "changed": withdrawn is not None})
    elif withdrawn is None:
        ctx.out.print("Nothing is trusted here")
    else:
        path = withdrawn / FILE if (withdrawn / FILE).exists() else withdrawn / FOLDER
        ctx.out.print(f"{shown(path)} is no longer trusted, so it is not applied")


def examine(ctx: CommandContext, projects: KnownProjects) -> Proposal:
    """Read what the user is to agree to.

    :raises SettingsError: a file is not what it should be
    :raises UsageError: there is no file
    """
    host, found = ctx.app.context, projects.now.found
    root = file_root(host, found)
    content = read(root, FILE) if root else None
    if root is None or content is None:
        return _without_file(found, beside_root(host, found))
    file = understand(host.settings, content)
    agents = _agents(root, file)
    detected = projects.now.detected if not file.profile else None
    profile = profiles(host).get(file.profile) if file.profile else projects.now.profile
    after = InForce(found, root, "trusted", content, file, profile, detected, agents.text if agents else "")
    others = beside(root)
    own = (content, agents) if agents else (content,)
    return Proposal(root, (*own, *others.contents), (*file.refused, *others.refused), after)


def _without_file(found: Found, root: Path | None) -> Proposal:
    """Return what is to be agreed to in a project that has only files that the user names, such as templates.

    :raises UsageError: there is none
    """
    others = beside(root) if root else Beside()
    if root is None or not (others.contents or others.refused):
        problem = f"There is no {FILE} in {found.folder}"
        more = f", nor above it up to {found.folders[-1]}" if len(found.folders) > 1 else ""
        raise UsageError(f"{problem}{more}", "`ollm project init` writes one.")
    return Proposal(root, others.contents, others.refused)


def _agents(root: Path, file: ProjectFile) -> Content | None:
    if not file.agents_file:
        return None
    found = read(root, file.agents_file)
    if found is None:
        problem = f"{shown(root / FILE)} names {file.agents_file}, which is not there"
        raise SettingsError((visible(problem),), "Write it, or take agentsFile out.")
    return found


def _shown(ctx: CommandContext, proposal: Proposal, former: TrustedProject | None) -> Iterator[str]:
    """Yield, line by line, all that would change; nothing is cut, since something could hide behind a cut."""
    known = former.files if former else {}
    for content in proposal.contents:
        agreed = known.get(content.name)
        if agreed is not None and agreed.sha256 != content.sha256:
            yield f"{shown(content.path)} has changed since {former.since if former else ''}:"
            yield from _diff(agreed.text, content.text)
            yield ""
    changes = proposal.effects(ctx)
    if proposal.after:
        yield f"{shown(proposal.path)} would change:" if changes else f"{shown(proposal.path)} would change nothing."
    for each in changes:
        yield from _told(each)
    yield from (f"  refused: {line}" for line in proposal.refused)
    if (after := proposal.after) and after.file and after.file.profile and after.profile is None:
        yield f"  The profile '{after.file.profile}' is not installed: it is only a name here."
    for content in proposal.contents:
        if content.name not in known and content.name.startswith(f"{FOLDER}/") and content.name != FILE:
            yield f"{shown(content.path)} could be used:"
            yield from (f"    | {line}" for line in content.text.rstrip("\n").split("\n"))


def _told(effect: Effect) -> Iterator[str]:
    """Yield "what: old → new"; a text of several lines stands below."""
    old = _on_one_line(effect.instead)
    if "\n" in effect.value.rstrip("\n") or len(effect.value) > 80:  # noqa: PLR2004  (a line of a terminal)
        yield f"  {effect.name}: {old + ' → ' if old else ''}({effect.origin})"
        yield from (f"    | {line}" for line in effect.value.rstrip("\n").split("\n"))
    else:
        yield f"  {effect.name}: {old or 'nothing'} → {effect.value} ({effect.origin})"
    if effect.beaten:
        yield f"    but {effect.beaten} is stronger"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _diff(old: str, new: str) -> Iterator[str]:
    import difflib

    lines = difflib.unified_diff(old.split("\n"), new.split("\n"), "trusted", "now", lineterm="")
    return (f"  {line}" for line in lines)


def _agreed(ctx: CommandContext, proposal: Proposal, sha256: str | None) -> bool:
    """Return the user's answer.

    :raises UsageError: nobody can be asked, or another content was named
    """
    if sha256 is not None:
        if sha256.lower() != proposal.digest:
            problem = f"{shown(proposal.path)} has not the content that you named: its hash is {proposal.digest}"
            raise UsageError(problem, "Look at what it would change, then say which content you mean.")
        return True
    if not ctx.out.can_ask:
        problem = f"Nobody can be asked whether to trust {shown(proposal.path)}"
        raise UsageError(problem, f"Run it on a terminal, or agree to this very content: --sha256 {proposal.digest}.")
    return ctx.out.confirm(f"Trust {shown(proposal.path)} as it is?")


def _done(ctx: CommandContext, projects: KnownProjects, proposal: Proposal, state: str, *, as_json: bool) -> None:
    projects.is_told()
    if as_json:
        ctx.out.document(_document(ctx, proposal, trusted=True))
    else:
        ctx.out.print(f"{shown(proposal.path)} is {state}")


def _document(ctx: CommandContext, proposal: Proposal, *, trusted: bool) -> dict[str, Any]:
    return {
        "root": proposal.root,
        "files": [each.name for each in proposal.contents],
        "sha256": proposal.digest,
        "trusted": trusted,
        "effects": [to_document(each) for each in proposal.effects(ctx)],
        "refused": proposal.refused,
    }
