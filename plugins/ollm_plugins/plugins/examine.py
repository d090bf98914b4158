"""Does every plugin keep its promises?

Each hook is asked, and each reference that came back is imported. What goes wrong ends in the host's ledger.
"""

from __future__ import annotations

from typing import Any

from ollm.api import App, Contribution, Owned, PluginRecord, Specs, label

HOOKS = tuple(name for name in vars(Specs) if name.startswith("ollm_"))


def examine(app: App) -> None:
    """Ask every hook of every plugin, import whatever the answers refer to, and see whose services are used."""
    for hook in HOOKS:
        for owned in ask(app, hook):
            _try_references(app, owned)
    for owned in app.hub.services():
        protocol = app.hub.load(owned, "protocol")
        if protocol is not None:
            app.services.chosen(protocol)  # blames whoever offers the same in vain


def ask(app: App, hook: str) -> list[Owned[Any]]:
    """Ask one hook: the hub's method has its name without `ollm_`."""
    answers: list[Owned[Any]] = getattr(app.hub, hook.removeprefix("ollm_"))()
    return answers


def _try_references(app: App, owned: Owned[Contribution]) -> None:
    for attribute in references(owned.item):
        target = app.hub.load(owned, attribute)
        if target is not None and not callable(target):
            cause = f"{attribute} leads to a {type(target).__name__}, which cannot be called"
            app.host.blame(owned.record, label(owned.item), cause, "Tell its author; see docs/hooks.md.")


def references(item: Contribution) -> list[str]:
    """List the fields of a contribution that refer to something by name."""
    fields = (*item.references, "parameters")  # a tool's parameters are a mapping, or refer to a class
    return [name for name in fields if isinstance(getattr(item, name, None), str)]


def milliseconds(record: PluginRecord) -> float:
    """Return what a plugin has cost so far."""
    return round(record.seconds * 1000, 1)
