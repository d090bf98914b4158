"""Which options stand before a command?

Our own, those that plugins bring, and those that set a value of the settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ollm.app import App
    from ollm.contributions import RootOption
    from ollm.settings_model import Field


def _flagged(app: App) -> dict[str, Field]:
    """List the settings that options of the command line set, by the option's name in Python."""
    fields = app.settings.fields.values()
    return {each.key.replace(".", "__"): each for each in fields if each.is_single and each.setting.flags}


def with_switches_on(argv: Sequence[str], app: App, commands: Container[str]) -> list[str]:
    """Complete options that may stand alone, e.g. `--think`, to `--think=true`; only before a command."""
    flagged = _flagged(app)
    alone = {flag for field in flagged.values() if field.may_stand_alone for flag in field.setting.flags}
    with_value = {"-p", "--prompt", "-o", "--output"}
    with_value |= {flag for field in flagged.values() if not field.is_switch for flag in field.setting.flags}
    with_value |= {flag for owned in app.hub.root_options() if owned.item.metavar for flag in owned.item.flags}
    words, rest = [], list(argv)
    while rest and rest[0] != "--" and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in alone and (not rest or rest[0].startswith("-") or rest[0] in commands):
            word = f"{word}=true"
        words.append(word)
        if word in with_value and rest:
            words.append(rest.pop(0))
    return [*words, *rest]


def callback(app: App, words: Sequence[str], act: Callable[..., None]) -> Callable[..., Any]:
    """Make the function whose signature Typer reads: our own options, those of plugins, those of the settings.

    :param act: is called once the settings have been set: with the app, Typer's context, the values of the options
        that plugins bring by the names of their contributions, and ours by keyword
    """
    import inspect
    from typing import Annotated

    import typer

    own: dict[str, Any] = {
        "prompt": Annotated[str | None, typer.Option("--prompt", "-p", help="Answer this prompt and end.")],
        "output": Annotated[str, typer.Option("--output", "-o", help="text, json or stream-json.")],
        "color": Annotated[bool | None, typer.Option("--color/--no-color", help="Colours; default: on a terminal.")],
        "strict_plugins": Annotated[bool, typer.Option("--strict-plugins", help="End when a plugin fails.")],
        "version": Annotated[bool, typer.Option("--version", help="Print the version and end.")],
    }
    defaults = {"prompt": None, "output": "text", "color": None, "strict_plugins": False, "version": False}
    flagged = _flagged(app)
    headings = _headings(app, flagged.values())
    hints = {name: _option(field, headings.get(field.section)) for name, field in flagged.items()}
    brought = {f"option_{at}": owned.item for at, owned in enumerate(app.hub.root_options())}
    hints = {**{name: _brought(option) for name, option in brought.items()}, **hints}

    def parsed(context: typer.Context, **given: Any) -> None:
        for name, field in flagged.items():
            value = given.pop(name)
            if value not in (None, []):
                raw = tuple(value) if isinstance(value, list) else value
                app.settings.set_flag(field.key, _as_typed(field, words), raw)
        given.pop("strict_plugins")  # read before the plugins were loaded
        values = {option.name: given.pop(name) for name, option in brought.items()}
        act(app, context, {name: value for name, value in values.items() if value not in (None, False, [])}, **given)

    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=defaults.get(name))
            for name, hint in (*own.items(), *hints.items())
        ),
    ]
    parsed.__dict__["__signature__"] = inspect.Signature(parameters)
    parsed.__annotations__ = {"context": typer.Context, **own, **hints}
    return parsed


def _as_typed(field: Field, words: Sequence[str]) -> str:
    """Return the spelling of an option that the user chose."""
    heads = {word.partition("=")[0] for word in words}
    return next((flag for flag in field.setting.flags if flag in heads), field.setting.flags[0])


MANY = 4
"""Options of one settings section that are listed under a heading of their own."""


def _headings(app: App, fields: Iterable[Field]) -> dict[str, str]:
    """Return a heading for each section that brings many options."""
    counts = Counter(field.section for field in fields)
    return {each.name: each.heading for each in app.settings.sections if counts[each.name] >= MANY}


def _option(field: Field, heading: str | None) -> Any:
    """The Typer option of a setting: unset unless given, and text, so that all layers are checked in one place."""
    from typing import Annotated, get_args

    import typer

    from ollm.settings_check import holds_many

    said = field.setting
    if field.is_switch:
        return Annotated[bool | None, typer.Option(*said.flags, help=said.help, rich_help_panel=heading)]
    names = [kind.__name__ for kind in (int, float) if kind in (get_args(field.type) or (field.type,))]
    metavar = f"<{names[0] if names else 'str'}>"
    if field.may_stand_alone:
        metavar = f"[{metavar}]"
    kind: Any = list[str] if holds_many(field.type) else str
    option = typer.Option(*said.flags, help=said.help, metavar=metavar, rich_help_panel=heading, show_default=False)
    return Annotated[kind | None, option]


def _brought(option: RootOption) -> Any:
    """The Typer option of a plugin's option."""
    from typing import Annotated

    import typer

    if not option.metavar:
        return Annotated[bool | None, typer.Option(*option.flags, help=option.help, show_default=False)]
    kind: Any = list[str] if option.many else str
    return Annotated[
        kind | None, typer.Option(*option.flags, help=option.help, metavar=option.metavar, show_default=False)
    ]
