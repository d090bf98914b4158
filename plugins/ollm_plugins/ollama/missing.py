"""What is said when a model is not there, and which one may have been meant?"""

from __future__ import annotations

from collections.abc import Sequence

from ollm.api import ModelNotFound, UsageError, near_models, same_model, visible
from ollm_plugins.ollama.models import canonical

_LIBRARY = "Ollama's library"
_NAMED = 5
"""Models that are named where none is near to what was asked for."""


def missing_on_server(where: str, name: str, names: Sequence[str] | None) -> ModelNotFound | UsageError:
    """Return the error for a model that a server does not have.

    :param names: of the models that it has; None if nobody knows
    """
    if not name.strip():  # a script's variable that is not set, most likely
        return UsageError("The name of a model is empty", "`ollm model list` lists the models.")
    problem = f"Ollama at {where} has no model {visible(canonical(name))}"
    pull = f"`ollm model pull {visible(name)}` fetches it."
    if any(same_model(name, other) for other in names or ()):
        return ModelNotFound(f"{problem} in full, only a part of its files", pull)
    near = nearest(name, names or ())
    if near or not names:
        return ModelNotFound(problem, f"Near to it: {near}; or {pull}" if near else pull)
    there = ", ".join(map(visible, names[:_NAMED])) + (
        f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    )
    return ModelNotFound(problem, f"It has {there}; or {pull}")


def missing_in_registry(name: str, names: Sequence[str] | None) -> ModelNotFound:
    """Return the error for a model, or a tag of it, that a registry does not have.

    :param names: of the models that the server has; None if nobody knows
    """
    registry = registry_of(name)
    problem = f"{registry or _LIBRARY} has no model {visible(canonical(name))}"
    bare = visible(canonical(name).rpartition(":")[0])
    look = f"Look for its name and tags at {f'https://{bare}' if registry else f'https://ollama.com/search?q={bare}'}."
    near = nearest(name, names or ())
    return ModelNotFound(problem, f"{look} Near to it, and there already: {near}." if near else look)


def registry_of(name: str) -> str:
    """Return the host of the registry that a name says; empty for Ollama's own library."""
    host, _, rest = name.partition("/")
    return visible(host) if "/" in rest else ""


def nearest(name: str, names: Sequence[str]) -> str:
    """Name up to three models that somebody who wrote `name` may have meant."""
    return ", ".join(map(visible, near_models(name, names)))
