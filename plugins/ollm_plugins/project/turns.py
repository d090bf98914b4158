"""What does the project add to a turn, and what does it take away?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollm.api import ChatRequest, StatusContext, TurnContext, replace
from ollm_plugins.project.service import known

if TYPE_CHECKING:
    from ollm.api import HostContext


def prompt(turn: TurnContext) -> str | None:
    """Return what the profile and the project's instructions add to the system prompt.

    A profile adds nothing to a system prompt that the user has given for this run.
    """
    projects = known(turn.host.services)
    projects.announce()
    now = projects.in_turns
    given = turn.host.settings.candidates("chat.systemPrompt")[-1].is_of_this_run
    parts = ("" if given else now.system_prompt, now.agents)
    return "\n\n".join(part.strip() for part in parts if part.strip()) or None


def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
    """Leave out the tools that the project does not want."""
    projects = known(turn.host.services)
    kept = tuple(tool for tool in request.tools if projects.in_turns.offers(tool.name))
    if len(kept) == len(request.tools):
        return request
    names = ", ".join(sorted({tool.name for tool in request.tools} - {tool.name for tool in kept}))
    projects.tell_once("tools-left-out", f"The project leaves out these tools: {names}.")
    return replace(request, tools=kept)


def render(ctx: StatusContext) -> str | None:
    """Return the profile for the status bar, and whether a file waits for trust."""
    now = known(ctx.host.services).now
    name = now.file.profile if now.file and now.file.profile else now.profile.name if now.profile else ""
    if now.state in ("untrusted", "changed"):
        return f"{name} (project.yaml not trusted)".lstrip()
    if now.state == "unfit":
        return f"{name} (project.yaml not readable)".lstrip()
    return name or ("project.yaml" if now.file else None)


async def greet(ctx: HostContext) -> None:
    """Say at the beginning of a conversation at the terminal what holds here."""
    projects = known(ctx.services)
    projects.is_interactive = True
    projects.announce()
