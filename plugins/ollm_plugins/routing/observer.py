"""When is there something to measure? When an answer is over."""

from __future__ import annotations

import threading

from ollm.api import EventContext, Finished, HostContext, Notice, OllmError, Usage, visible


def on_event(ctx: EventContext) -> None:
    """Measure an answer that is over."""
    if not isinstance(ctx.event, Finished) or ctx.request is None or ctx.turn.aside:
        return  # models that are compared share the machine, so their rates say little
    key = f"{ctx.turn.provider}/{ctx.request.model}"
    # A disk may take its time to say that it has it; the process waits for the thread.
    threading.Thread(target=_keep, args=(ctx.turn.host, key, ctx.event.usage), name="rates-writer").start()


def _keep(host: HostContext, key: str, usage: Usage) -> None:
    from ollm_plugins.routing.rates import FILE, record

    try:
        record(host.paths.home / FILE, key, usage, host.notify)
    except OllmError as error:
        host.notify(Notice("rates-not-written", f"How fast {visible(key)} answered is not kept: {error}"))
