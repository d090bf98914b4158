"""Which routing profiles are there, and who wrote each?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ollm.api import ContributedProfiles, HostContext, SettingsError, UsageError, nearest, visible
from ollm_plugins.routing.ranking import Asked, ranked_by
from ollm_plugins.routing.settings import ProfileSettings
from ollm_plugins.routing.situation import Profile

SECTION: Final = "model.routing.profiles.*"
AUTO: Final = "auto"

BUILTIN: Final = (
    Profile(
        "fast",
        "Quick responses with smaller models",
        ("phi", "gemma", "mistral"),
        4096,
        ("streaming",),
        "general",
        builtin=True,
    ),
    Profile(
        "general",
        "Balanced performance for most tasks",
        ("llama", "mistral", "qwen"),
        8192,
        ("streaming",),
        builtin=True,
    ),
    Profile(
        "code",
        "Optimized for code generation",
        ("codellama", "deepseek-coder", "starcoder"),
        16384,
        ("streaming",),
        "general",
        builtin=True,
    ),
    Profile(
        "creative",
        "Creative writing and storytelling",
        ("llama", "mistral"),
        8192,
        ("streaming",),
        "general",
        builtin=True,
    ),
)


def builtin() -> dict[str, Profile]:
    """Return the four that are always there, by name."""
    return {each.name: each for each in BUILTIN}


def profiles(host: HostContext, asked: Asked | None = None) -> dict[str, Profile]:
    """Return all profiles by name: the four, those of plugins, those of the settings; a later one replaces another.

    :param asked: what functions of plugins get to see
    :raises SettingsError: the settings describe one wrongly
    """
    return {**builtin(), **_contributed(host, asked or Asked()), **_written(host)}


def profile_named(name: str, known: Mapping[str, Profile], where: str = "") -> Profile:
    """Return a profile.

    :param where: the place that names it
    :raises UsageError: there is none of that name
    """
    if name in known:
        return known[name]
    said = f"{where}: there is no routing profile" if where else "There is no routing profile"
    raise UsageError(f"{said} '{visible(name)}'{nearest(name, [*known])}", f"Known are: {', '.join(known)}, {AUTO}.")


def chain(known: Mapping[str, Profile], name: str) -> tuple[str, ...]:
    """Return a profile and those that are fallen back to one after the other, each of them once."""
    names = [name]
    while (fallback := known[names[-1]].fallback or "") in known and fallback not in names:
        names.append(fallback)
    return tuple(names)


def loose_ends(known: Mapping[str, Profile], pins: Mapping[str, str], active: str) -> Iterator[str]:
    """Yield a line for each name of a profile, in the settings or in a profile, that there is none of."""
    named = [(f"The profile {each.name} falls back to", each.fallback) for each in known.values() if each.fallback]
    named += [("model.routing.overrides pins a model to", name) for name in pins]
    named.append(("The profile in force is", active))
    for what, name in named:
        if name not in known and (name != AUTO or name != active):
            text = f"{what} {name}, and there is no such profile{nearest(name, [*known])}"
            yield text if text.endswith("?") else f"{text}."


def _clean(families: Iterable[str]) -> tuple[str, ...]:
    return tuple(each.strip() for each in families if each.strip())


def _contributed(host: HostContext, asked: Asked) -> dict[str, Profile]:
    contributed = host.services.find(ContributedProfiles)
    assert contributed is not None, "the kernel provides it"
    found: dict[str, Profile] = {}
    for owned in contributed.routing_profiles():
        item = owned.item
        found[item.name] = Profile(
            item.name,
            item.description,
            _clean(item.preferred_families),
            item.min_context_window,
            tuple(item.required_capabilities),
            item.fallback_profile,
            ranked_by(host, contributed, owned, asked) if item.rank is not None else None,
            origin=f"plugin '{owned.record.name}'",
        )
    return found


def _written(host: HostContext) -> dict[str, Profile]:
    found: dict[str, Profile] = {}
    for name in host.settings.entries(SECTION):
        if name == AUTO:
            problem = (
                f"model.routing.profiles.{AUTO}: {AUTO} takes a profile by the prompt, and no profile can be called so"
            )
            raise SettingsError((problem,), "Give it another name.")
        said = host.settings.section(ProfileSettings, name)
        found[name] = Profile(
            name,
            said.description,
            _clean(said.preferred_families),
            said.min_context_window,
            said.required_capabilities,
            said.fallback_profile,
            origin="settings",
        )
    return found
