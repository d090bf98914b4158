"""How is a session gone on with?"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ollm.api import App, CommandContext, Conversation, FrontendContext, Notice, UsageError, replace
from ollm_plugins.sessions import reading
from ollm_plugins.sessions.kept import KeptSession, project_of, text_of
from ollm_plugins.sessions.listing import Session, ago, ending, many
from ollm_plugins.sessions.meaning import find, meant
from ollm_plugins.sessions.service import Sessions, sessions_of


def prepare(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
    """Go on with the last session, or the one that was named.

    :raises UsageError: there is none, or both are wanted
    """
    if "continue" in given and "resume" in given:
        raise UsageError("--continue and --resume exclude each other")
    if context.given is not None:
        return context
    app = context.app
    service = sessions_of(app.context)
    found = find(service, str(given["resume"])) if "resume" in given else _last(app, service)
    conversation = app.conversation()
    conversation.restore(found.id, service.load(found.id))
    if not context.prompt and _has_terminal(app):
        _show(app, service, found)
    return replace(context, given=conversation)


def private(context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:  # noqa: ARG001  (as it is called)
    """Keep nothing of this run."""
    context.app.settings.set_flag("sessions.save", "--no-save", "false")
    return context


def resume(ctx: CommandContext, session: Session = "last") -> None:
    """Go on with a session, in the REPL.

    :raises Exit: in the shell, with the REPL's exit code
    """
    if ctx.conversation is None and not _has_terminal(ctx.app):
        problem = "There is no terminal to go on at"
        raise UsageError(problem, 'Ask one more question instead: ollm --resume SESSION -p "…".')
    found = meant(ctx, session)
    app, service = ctx.app, sessions_of(ctx.app.context)
    said = service.load(found.id)
    _show(app, service, found)
    if ctx.conversation is not None:
        ctx.conversation.restore(found.id, said)
        return
    import typer

    conversation = app.conversation()
    conversation.restore(found.id, said)
    raise typer.Exit(app.front_end("interactive", FrontendContext(app, given=conversation)))


def _has_terminal(app: App) -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and app.out.stdout.isatty()


def go_on(conversation: Conversation, service: Sessions, identity: str) -> None:
    """Let a conversation under way go on with a session."""
    conversation.restore(identity, service.load(identity))


def _last(app: App, service: Sessions) -> KeptSession:
    """Return the last session of this project, else the last of all, which is said; one with answers, if there is one.

    :raises UsageError: there is none
    """
    project = project_of(text_of(app.workspace))
    known = service.read(lambda connection: reading.sessions(connection, project=project, limit=1), ())
    where = project if known else ""
    held = service.read(lambda connection: reading.last_held(connection, where), "")
    if known:
        return find(service, held) if held else known[0]
    found = find(service, "last")
    text = f"There is no session of this project yet, so the last one of {found.project} goes on: {found.title}"
    app.out.notify(Notice("session-elsewhere", text))
    return found


def _show(app: App, service: Sessions, found: KeptSession) -> None:
    """Say which session it is, and how its last turn has ended; the front end shows what was said in it."""
    app.out.prose(f"{found.title} · {many(found.turns)} · {ago(found.updated)} · {found.model}")
    last, _ = service.read(lambda connection: reading.turns(connection, found.id, last=1), ((), 0))
    for turn in last:  # what of it cannot be read was said with all the others
        for line in ending(turn):
            app.out.prose(f"Its last turn: {line}")
