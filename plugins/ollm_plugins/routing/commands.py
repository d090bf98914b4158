"""What do the commands `route …` do?"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ollm.api import (
    ChoiceRequest,
    CommandContext,
    Completes,
    HostContext,
    Json,
    ModelChooser,
    Notice,
    UsageError,
    change_setting,
    remove_setting,
)
from ollm_plugins.routing.active import KEY, Active, active
from ollm_plugins.routing.profiles import AUTO, loose_ends, profile_named, profiles
from ollm_plugins.routing.settings import RoutingSettings
from ollm_plugins.routing.situation import Profile


def show(ctx: CommandContext, *, as_json: Json = False) -> None:
    """Say whether routing is on, by which profile, and who would answer a short prompt now."""
    wanted = active(ctx.app.settings)
    model = ctx.run(_would_answer(ctx)) if wanted.on else None
    if as_json:
        fields = {"on": wanted.on, "profile": wanted.profile, "origin": wanted.where, "why": wanted.why or None}
        ctx.out.document({**fields, "model": model})
    elif wanted.on:
        ctx.out.print(f"Routing is on, by the profile {wanted.profile} ({wanted.where})")
        if model:
            ctx.out.print(f"{model} would answer a short prompt now; `route explain` says why")
    else:
        ctx.out.print(f"Routing is off: {wanted.why}")


def list_profiles(ctx: CommandContext, *, as_json: Json = False) -> None:
    """List the routing profiles: the built-in ones, those of plugins, and those of your settings."""
    host, wanted = ctx.app.context, active(ctx.app.settings)
    found = profiles(host)
    pins = host.settings.section(RoutingSettings).overrides
    documents = [_described(each, wanted, pins.get(each.name)) for each in found.values()]
    for line in loose_ends(found, pins, wanted.profile):
        ctx.out.notify(Notice("routing-profile-unknown", line))
    if as_json:
        ctx.out.document(documents)
        return
    columns = ("", "profile", "families", "context", "needs", "falls back to", "pinned", "from", "what for")
    ctx.out.table(columns, [_row(each) for each in documents])
    if wanted.profile == AUTO:
        ctx.out.print("auto takes one of these by the prompt")
    if not wanted.on:
        ctx.out.say(f"ollm: Routing is off: {wanted.why}.")


def use(
    ctx: CommandContext,
    profile: Annotated[
        str | None,
        typer.Argument(help="As in `route list`, or auto.", metavar="[PROFILE]"),
        Completes("routing-profile"),
    ] = None,
    *,
    none: Annotated[bool, typer.Option("--none", help="Choose none: model.default answers.")] = False,
    as_json: Json = False,
) -> None:
    """Choose the profile by which models are chosen, in your file; in the REPL it holds at once."""
    if (profile is None) != none:
        raise UsageError("Give either the name of a profile or --none", "`ollm route list` lists them.")
    if profile is not None and profile != AUTO:
        profile_named(profile, profiles(ctx.app.context))
    _write(ctx, profile)
    wanted = active(ctx.app.settings)
    file = ctx.app.paths.config
    if as_json:
        ctx.out.document({"key": KEY, "value": profile, "file": file, "on": wanted.on, "why": wanted.why or None})
    elif profile is None:
        ctx.out.print("No profile is chosen: model.default answers" if not wanted.on else _stays(wanted))
    else:
        ctx.out.print(f"Models are chosen by the profile {profile}, in {file}")
    if profile is not None and (not wanted.on or wanted.profile != profile):
        ctx.out.say(f"ollm: But {_stays(wanted) if wanted.on else wanted.why}.")


def _write(ctx: CommandContext, profile: str | None) -> None:
    settings, path = ctx.app.settings, tuple(KEY.split("."))
    if profile is None:
        remove_setting(ctx.app.paths.config, path)
        settings.unset_session(KEY)
    else:
        change_setting(ctx.app.paths.config, path, profile)
    ctx.app.reload_settings()
    if profile is not None and ctx.surface == "repl":
        settings.set_session(KEY, profile)


def _stays(wanted: Active) -> str:
    return f"the profile {wanted.profile} is in force ({wanted.where})"


async def _would_answer(ctx: CommandContext) -> str | None:
    host: HostContext = ctx.app.context
    chooser = host.services.find(ModelChooser)
    choice = await chooser.choose(ChoiceRequest("")) if chooser else None
    for notice in choice.notices if choice else ():
        ctx.out.notify(notice)
    return choice.model if choice else None


def _described(profile: Profile, wanted: Active, pin: str | None) -> dict[str, Any]:
    return {
        "name": profile.name,
        "description": profile.description,
        "preferredFamilies": profile.families,
        "minContextWindow": profile.min_context,
        "requiredCapabilities": profile.required,
        "fallbackProfile": profile.fallback,
        "ranks": profile.rank is not None,
        "pinned": pin,
        "origin": profile.origin,
        "active": wanted.on and wanted.profile == profile.name,
    }


def _row(profile: dict[str, Any]) -> tuple[object, ...]:
    families = ", ".join(profile["preferredFamilies"]) or ("by its own function" if profile["ranks"] else "")
    needs = ", ".join(each for each in profile["requiredCapabilities"] if each != "streaming")
    mark = "active" if profile["active"] else ""
    window, fallback = profile["minContextWindow"] or "", profile["fallbackProfile"]
    told = profile["pinned"], profile["origin"], profile["description"]
    return mark, profile["name"], families, window, needs, fallback, *told
