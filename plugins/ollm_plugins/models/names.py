"""Which of some models does a name mean?

Most providers take `:latest` for a missing tag and disregard case. Here a name means the model of exactly that name
if there is one, so that a provider which does neither is understood as well.
"""

from __future__ import annotations

from collections.abc import Iterable


def key(name: str) -> str:
    """Return a name in the form in which those that mean the same are equal.

    A colon before the last slash belongs to a registry's port.
    """
    tagged = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    return tagged.lower()


def find(name: str, names: Iterable[str]) -> str | None:
    """Return the name that is meant, as it is listed; None if there is none."""
    listed = list(names)
    if name in listed:
        return name
    wanted = key(name)
    return next((each for each in listed if key(each) == wanted), None)


def near(name: str, names: Iterable[str]) -> list[str]:
    """Return up to three names that somebody who wrote `name` may have meant, the likeliest first."""
    import difflib

    listed, wanted = list(names), key(name)
    bare = wanted.rpartition(":")[0]
    kin = [each for each in listed if key(each).rpartition(":")[0] == bare]
    lowered = {each.lower(): each for each in listed}
    close = [lowered[each] for each in difflib.get_close_matches(wanted, lowered, n=3, cutoff=0.6)]
    return list(dict.fromkeys([*kin, *close]))[:3]
