"""What does the command `model pull` do?"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ollm.api import CommandContext, Completes, Json, Notice, OllmError, Progress, PullRequest, Step, Waiting
from ollm_plugins.models.finding import called, management
from ollm_plugins.models.one_by_one import OneByOne
from ollm_plugins.models.pull_view import PullView
from ollm_plugins.models.wording import is_unfetched

if TYPE_CHECKING:
    Events = AsyncGenerator[Progress | Step | Waiting | Notice, None]


def pull(
    ctx: CommandContext,
    names: Annotated[
        list[str], typer.Argument(help="As in Ollama's library, e.g. llama3.2:3b.", metavar="NAME…"), Completes("model")
    ],
    *,
    provider: Annotated[str | None, typer.Option("--provider", help="Who is to fetch it.", metavar="NAME")] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Allow a registry without https, or whose certificate nobody vouches for."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch models, one after the other.

    Ctrl-C stops; a server keeps what it has, and the next pull resumes there. One that fails does not stop the
    others; the exit code is that of the first failure.
    """
    queue = OneByOne(ctx, names, as_json=as_json)
    queue.run(lambda name: _pull(ctx, queue, PullRequest(name, insecure), provider, as_json=as_json))


def _pull(
    ctx: CommandContext, queue: OneByOne, request: PullRequest, provider: str | None, *, as_json: bool
) -> dict[str, Any]:
    """Fetch one model, and describe what came of it.

    :raises KeyboardInterrupt: the user has stopped it, which was said
    """
    began = time.monotonic()
    view = PullView(ctx.out, request.name, lambda _: None)
    document: dict[str, Any] = {"name": request.name, "provider": provider, "status": "interrupted"}
    try:
        with ctx.out.progress(transient=True) as show:
            view = PullView(ctx.out, request.name, show)
            ctx.run(_follow(ctx, view, request, provider))
    except KeyboardInterrupt:
        queue.done.append({**document, **_amounts(view, began), "error": "interrupted"})
        queue.done += [
            {"name": name, "provider": provider, "status": "notStarted", "error": None} for name in queue.left
        ]
        _tell_stopped(ctx, view, queue.left)
        raise
    if not as_json:
        ctx.out.print(view.ended(time.monotonic() - began))
    owner = provider or ctx.run(_owner(ctx, request.name)) if as_json else provider
    return {**document, "provider": owner, "status": "pulled", **_amounts(view, began), "error": None}


async def _follow(ctx: CommandContext, view: PullView, request: PullRequest, provider: str | None) -> None:
    """Show a pull until it is over; to be cancelled here ends the request."""
    async with aclosing(cast("Events", management(ctx).pull(request, provider))) as events:
        async for event in events:
            view.take(event)


def _amounts(view: PullView, began: float) -> dict[str, Any]:
    whole = view.whole
    return {"bytes": whole.done, "resumed": whole.resumed, "seconds": round(time.monotonic() - began, 3)}


async def _owner(ctx: CommandContext, name: str) -> str | None:
    """Return who has a model that was pulled; the service chose among those that the user left to it."""
    try:
        catalogue = await management(ctx).list_models()
    except OllmError:  # it was there a moment ago; the pull itself is what counts
        return None
    return next((each.provider for each in called(catalogue, name) if not is_unfetched(each.info)), None)


def _tell_stopped(ctx: CommandContext, view: PullView, left: list[str]) -> None:
    ctx.out.say(f"ollm: {view.broken_off()}")
    if left:
        ctx.out.say(f"ollm: Not begun: {', '.join(left)}.")
