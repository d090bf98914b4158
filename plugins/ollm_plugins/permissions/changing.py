"""What do the commands do that change what runs without a question?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from msgspec import structs

from ollm.api import CommandContext, Completes, Json, UsageError, change_setting, remove_setting, update_setting
from ollm_plugins.permissions.commands import KEY, Listed, described, listed
from ollm_plugins.permissions.rules import Action, mistake, told
from ollm_plugins.permissions.session import YOLO, session_of
from ollm_plugins.permissions.settings import Rule

Save = Annotated[bool, typer.Option("--save", help="Write it to your settings; else it holds for the session.")]
Tools = Annotated[
    str, typer.Argument(help='Name of a tool, or a glob such as "read_*".', metavar="TOOL"), Completes("tool")
]
PathGlob = Annotated[
    str,
    typer.Option("--path", help='Only for such paths, e.g. "src/**"; a folder covers what is in it.'),
    Completes("path"),
]
Prefix = Annotated[str, typer.Option("--command", help='Only for commands that begin so, e.g. "git status".')]
Host = Annotated[str, typer.Option("--host", help='Only for such hosts, e.g. "*.python.org".')]
Exactly = Annotated[str, typer.Option("--exactly", help='Only for this command, as it stands, e.g. "cd x && make".')]
_RULES = ("tools", "rules")


def mode(
    ctx: CommandContext,
    name: Annotated[str, typer.Argument(help="ask, auto or yolo.", metavar="MODE"), Completes("tools-mode")],
    *,
    save: Save = False,
    as_json: Json = False,
) -> None:
    """Choose what runs without a question: ask (nothing), auto (reading in the folder you work in), yolo (everything).

    A mode holds for the session unless it is saved; yolo is never saved.
    """
    session = session_of(ctx.app.context)
    if name == YOLO:
        _begin_yolo(ctx, save=save)
    else:
        ctx.app.settings.check("tools.mode", name, "MODE")
        _in_a_session(ctx, save=save)
        session.is_yolo = False
        _set_mode(ctx, name, save=save)
    if as_json:
        ctx.out.document({"mode": session.mode, "origin": session.origin})
    else:
        ctx.out.print(f"The mode is {session.mode} ({session.origin})")


def _begin_yolo(ctx: CommandContext, *, save: bool) -> None:
    """:raises UsageError: it was to last, or there is no session"""
    if save or ctx.surface == "shell":
        remedy = "Start with `ollm --yolo`, or say `/permissions mode yolo` in a conversation."
        raise UsageError("yolo holds for one run only and is never saved", remedy)
    session_of(ctx.app.context).begin_yolo()


def _set_mode(ctx: CommandContext, name: str, *, save: bool) -> None:
    if not save:
        ctx.app.settings.set_session("tools.mode", name)
        return
    change_setting(ctx.app.paths.config, ("tools", "mode"), name)
    ctx.app.settings.unset_session("tools.mode")
    ctx.app.reload_settings()


def allow(
    ctx: CommandContext,
    tool: Tools,
    *,
    path: PathGlob = "",
    command: Prefix = "",
    exactly: Exactly = "",
    host: Host = "",
    save: Save = False,
    as_json: Json = False,
) -> None:
    """Let calls of a tool run without a question, unless another rule asks or forbids."""
    rule = Rule(path=path, command=command, exactly=exactly, host=host)
    _add(ctx, "allow", tool, rule, save=save, as_json=as_json)


def ask(
    ctx: CommandContext,
    tool: Tools,
    *,
    path: PathGlob = "",
    command: Prefix = "",
    host: Host = "",
    save: Save = False,
    as_json: Json = False,
) -> None:
    """Have calls of a tool asked about, whatever the mode or another rule allows."""
    _add(ctx, "ask", tool, Rule(path=path, command=command, host=host), save=save, as_json=as_json)


def deny(
    ctx: CommandContext,
    tool: Tools,
    *,
    path: PathGlob = "",
    command: Prefix = "",
    host: Host = "",
    save: Save = False,
    as_json: Json = False,
) -> None:
    """Forbid calls of a tool, whatever anything else allows, yolo included."""
    _add(ctx, "deny", tool, Rule(path=path, command=command, host=host), save=save, as_json=as_json)


def _add(ctx: CommandContext, action: Action, tool: str, narrow: Rule, *, save: bool, as_json: bool) -> None:
    """:raises UsageError: the rule is none, or there is no session for which it could hold"""
    rule = structs.replace(narrow, **{action: tool})
    wrong = mistake(rule)
    if wrong:
        raise UsageError(f"That is no rule: {wrong}", f"`permissions {action} --help` shows examples.")
    _in_a_session(ctx, save=save)
    if save:
        _in_force_when_saved(ctx)
        entry = _entry(rule)
        _save(ctx, lambda rules: rules if entry in rules else [*rules, entry])
    else:
        session_of(ctx.app.context).add(rule)
    _tell(ctx, next(each for each in reversed(listed(ctx)) if each.rule == rule), as_json=as_json)


def _in_a_session(ctx: CommandContext, *, save: bool) -> None:
    """:raises UsageError: what is not saved would be forgotten at once"""
    if not save and ctx.surface == "shell":
        remedy = "Add --save, or use it in a conversation with a slash before it."
        raise UsageError("A session ends with its program, so that this would change nothing", remedy)


def _in_force_when_saved(ctx: CommandContext) -> None:
    """:raises UsageError: what is saved would not hold, because rules that were set for the session stand before it"""
    if ctx.app.settings.candidates(KEY)[-1].layer == "session":
        problem = "The rules that /set gave to this session hide those of your settings, so that it would not hold"
        raise UsageError(problem, "`/permissions forget --all` ends that; without --save it holds for the session.")


def _entry(rule: Rule) -> dict[str, str]:
    """Return a rule as a file has it."""
    return {name: value for name, value in structs.asdict(rule).items() if value}


def _save(ctx: CommandContext, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change the rules in the user's file.

    :raises SettingsError: they are no list
    """
    file = ctx.app.paths.config
    update_setting(file, _RULES, lambda rules: change(list(rules or ())))
    ctx.app.reload_settings()
    if ctx.app.settings.file.values.get("tools", {}).get("rules") == []:
        remove_setting(file, _RULES)
        ctx.app.reload_settings()


def _tell(ctx: CommandContext, made: Listed, *, as_json: bool) -> None:
    names = [owned.item.name for owned in ctx.app.hub.tools()]
    document = described(made)
    if as_json:
        ctx.out.document(document)
    else:
        ctx.out.print(f"Rule {made.number}: {told(made.rule)} ({made.origin})")
    if not _names_some(str(document["tools"]), names):
        ctx.out.say(f"ollm: There is no tool '{document['tools']}' at present: {', '.join(sorted(names)) or 'none'}.")


def _names_some(pattern: str, names: list[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for name in names)


def forget(
    ctx: CommandContext,
    number: Annotated[
        int | None,
        typer.Argument(help="As `permissions` lists it.", metavar="[NUMBER]"),
        Completes("permission-rule"),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that hold for the session only.")] = False,
    save: Annotated[bool, typer.Option("--save", help="Also what stands in your settings.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a rule, or an answer "always" of this session; what stands in your settings only with --save."""
    if (number is None) != everything:
        raise UsageError("Give either the number of a rule or --all", "`permissions` lists them.")
    rules = listed(ctx)
    chosen = [each for each in rules if everything or each.number == number]
    if not chosen and number is not None:
        raise UsageError(f"There is no rule {number}", "`permissions` lists them.")
    lasting = [each for each in chosen if each.is_saved]
    if lasting and not everything and not save:
        raise UsageError(f"Rule {number} stands in {lasting[0].origin}", "Add --save to remove it there.")
    gone = [each for each in chosen if save or each not in lasting]
    _remove(ctx, gone)
    if as_json:
        ctx.out.document({"removed": [described(each) for each in gone]})
        return
    for each in gone:
        ctx.out.print(f"No longer: {told(each.rule)} ({each.origin})")
    if not gone:
        ctx.out.print("Nothing holds for this session only")
    again = sum(each.is_saved for each in listed(ctx)) if not any(each.is_saved for each in rules) else 0
    if again:
        ctx.out.print(f"The rules of your settings hold again: {again}; `permissions` lists them")


def _remove(ctx: CommandContext, gone: list[Listed]) -> None:
    rules, settings = listed(ctx), ctx.app.settings
    left = [each for each in rules if each not in gone]
    session_of(ctx.app.context).rules[:] = [each.rule for each in left if each.place == "answers"]
    kept = [_entry(each.rule) for each in left if each.place == "set"]
    if kept:
        settings.set_session(KEY, kept)
    else:
        settings.unset_session(KEY)
    saved = [_entry(each.rule) for each in gone if each.is_saved]
    if saved:
        _save(ctx, lambda rules: [rule for rule in rules if rule not in saved])
