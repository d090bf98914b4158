"""Which model does a name mean?

A name is MODEL:TAG, perhaps with a registry and a namespace before it. Most providers take `:latest` for a missing tag
and disregard case; a provider that does neither is understood as well, since the very name goes before its kin.
"""

from __future__ import annotations

from collections.abc import Iterable


def tagged(name: str) -> str:
    """Return a name in the form in which those that mean the same model are equal: in lower case, with a tag.

    A colon before the last slash belongs to a registry's port.
    """
    lowered = name.lower()
    return lowered if ":" in lowered.rpartition("/")[2] else f"{lowered}:latest"


def same_model(name: str, other: str) -> bool:
    """Whether two names mean the same model."""
    return tagged(name) == tagged(other)


def meant(name: str, names: Iterable[str]) -> str | None:
    """Return which of some names is meant, as it is written there; None if none is."""
    listed = list(names)
    if name in listed:
        return name
    return next((each for each in listed if same_model(name, each)), None)


def near_models(name: str, names: Iterable[str]) -> list[str]:
    """Return up to three names that somebody who wrote `name` may have meant, the likeliest first."""
    import difflib

    listed, wanted = list(names), tagged(name)
    bare = wanted.rpartition(":")[0]
    kin = [each for each in listed if tagged(each).rpartition(":")[0] == bare]
    lowered = {each.lower(): each for each in listed}
    close = [lowered[each] for each in difflib.get_close_matches(wanted, lowered, n=3, cutoff=0.6)]
    lines = {tagged(each).rpartition(":")[0] for each in listed}
    likely = difflib.get_close_matches(bare, sorted(lines), n=3, cutoff=0.8)  # a slip in the name, whatever the tag
    slips = [each for line in likely for each in listed if tagged(each).rpartition(":")[0] == line]
    return list(dict.fromkeys([*kin, *close, *slips]))[:3]


def fitting(name: str, patterns: Iterable[str]) -> list[str]:
    """Return the names and globs that fit a model's name, the most specific first.

    The very name goes before globs, and of globs the one with more letters goes first.
    """
    from fnmatch import fnmatchcase

    wanted = tagged(name)
    found = [each for each in patterns if same_model(each, name) or fnmatchcase(wanted, each.lower())]
    return sorted(found, key=lambda each: (not same_model(each, name), -len(each.replace("*", "").replace("?", ""))))
