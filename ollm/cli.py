"""What is the shell's way in?

Parses what stands before a command, hands the rest to the command tree, and turns whatever goes wrong into
one line and an exit code.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import stat
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ollm import __version__
from ollm.ending import end, nobody_reads, prepare_streams, report, report_unexpected
from ollm.errors import ExitCode, OllmError, UsageError

if TYPE_CHECKING:
    from ollm.app import App
    from ollm.contexts import FrontendContext
    from ollm.settings_model import Field

HELP = """Chat with language models on your own machine.

With a prompt, ollm answers it and ends; on a terminal without one, it opens the REPL.

\b
Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 no such model,
4 provider or registry unreachable, 130 interrupted.
"""
EXAMPLES = """\b
Examples:
  ollm -p "Why is the sky blue?"
  git diff | ollm -p "Write a commit message" -m llama3.1:8b
  ollm -p "List three colours" -o json
  ollm"""


PATIENCE = 2.0
"""Seconds of silence on a pipe after which the user is told that it is read."""


def run() -> None:
    """Run the program and end the process.

    Cyclic garbage collection is off while modules are imported, and what was imported is not torn down
    piece by piece at the end: together that is about a quarter of a short run.
    """
    gc.disable()
    prepare_streams()
    code = main(sys.argv[1:])
    end(code)


def main(argv: Sequence[str]) -> int:
    """Run one command line.

    :return: the exit code
    """
    try:
        if list(argv) == ["--version"]:
            print(f"ollm {__version__}")
            return ExitCode.DONE
        from ollm.app import App

        app = App(strict_plugins="--strict-plugins" in _before_dashes(argv))
        with contextlib.closing(app):
            return _run(app, argv)
    except OllmError as error:
        return report(error)
    except KeyboardInterrupt:
        with contextlib.suppress(OSError, ValueError):
            print(file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return nobody_reads()
    except Exception as error:
        return report_unexpected(error)


def _before_dashes(argv: Sequence[str]) -> Sequence[str]:
    """Return the words up to `--`: behind it, what looks like a flag is none."""
    return argv[: argv.index("--")] if "--" in argv else argv


def _run(app: App, argv: Sequence[str]) -> int:
    from ollm.command_tree import tree
    from ollm.commands import CommandContext, dispatch, root_group

    root = tree(app.hub, "shell")
    words = _with_switches_on(argv, _flagged(app), root.children)
    group = root_group(root, app.hub, CommandContext(app, "shell"), _callback(app, words))
    group.help, group.epilog = HELP, EXAMPLES
    return dispatch(group, words, "ollm")


def _flagged(app: App) -> dict[str, Field]:
    """List the settings that options of the command line set, by the option's name in Python."""
    fields = app.settings.fields.values()
    return {each.key.replace(".", "__"): each for each in fields if each.is_single and each.setting.flags}


def _with_switches_on(argv: Sequence[str], flagged: Mapping[str, Field], commands: Container[str]) -> list[str]:
    """Complete options that may stand alone, e.g. `--think`, to `--think=true`; only before a command."""
    alone = {flag for field in flagged.values() if field.may_stand_alone for flag in field.setting.flags}
    with_value = {"-p", "--prompt", "-o", "--output"}
    with_value |= {flag for field in flagged.values() if not field.is_switch for flag in field.setting.flags}
    words, rest = [], list(argv)
    while rest and rest[0] != "--" and rest[0].startswith("-"):
        word = rest.pop(0)
        if word in alone and (not rest or rest[0].startswith("-") or rest[0] in commands):
            word = f"{word}=true"
        words.append(word)
        if word in with_value and rest:
            words.append(rest.pop(0))
    return [*words, *rest]


def _callback(app: App, words: Sequence[str]) -> Callable[..., Any]:
    """Make the function whose signature Typer reads: our own options, then those of the settings."""
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

    def callback(context: typer.Context, **given: Any) -> None:
        for name, field in flagged.items():
            value = given.pop(name)
            if value not in (None, []):
                raw = tuple(value) if isinstance(value, list) else value
                app.settings.set_flag(field.key, _as_typed(field, words), raw)
        given.pop("strict_plugins")  # read before the plugins were loaded
        _act(app, context, **given)

    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=hint, default=defaults.get(name))
            for name, hint in (*own.items(), *hints.items())
        ),
    ]
    callback.__dict__["__signature__"] = inspect.Signature(parameters)
    callback.__annotations__ = {"context": typer.Context, **own, **hints}
    return callback


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


def _act(
    app: App,
    context: Any,
    *,
    prompt: str | None,
    output: str,
    color: bool | None,
    version: bool,
) -> None:
    """Do what the options before a command ask for, unless a command follows.

    :raises Exit: it is done
    """
    if color is not None:
        app.out.use_color(wanted=color)
    if context.invoked_subcommand is None:
        code = _print_version(app) if version else _converse(app, prompt, output)
        context.exit(code)
    elif prompt is not None:
        raise UsageError(f"A prompt (-p) and the command '{context.invoked_subcommand}' exclude each other")


def _print_version(app: App) -> int:
    app.out.print(f"ollm {__version__}")
    return ExitCode.DONE


def _converse(app: App, prompt: str | None, output: str) -> int:
    """Answer one prompt, or open the REPL.

    A front end that answers once checks the settings itself, so that it can say in its own form what is wrong.

    :raises UsageError: there is neither a prompt nor a terminal
    """
    from ollm.contexts import FrontendContext

    text = _whole_prompt(prompt)
    if text is not None:
        return _front_end(app, "once", FrontendContext(app, text, output))
    app.check_settings()
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        app.begin_background()
        return _front_end(app, "interactive", FrontendContext(app))
    raise UsageError("There is no prompt, and no terminal to ask for one", 'Give one: ollm -p "…".')


def _whole_prompt(prompt: str | None) -> str | None:
    """Return the prompt with what was piped in added to it; None when there is neither.

    :raises UsageError: both are empty
    """
    piped = _piped()
    if prompt is None and piped is None:
        return None
    text = "\n\n".join(part for part in (prompt, piped) if part and part.strip())
    if not text:
        raise UsageError("The prompt is empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("The prompt holds bytes that are not text in your terminal's encoding") from error
    return text


def _piped() -> str | None:
    """Read stdin when it is a file, a pipe or a socket; a terminal or /dev/null is not input."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return None
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
            return None
        _mention_wait()
        return sys.stdin.buffer.read().decode(sys.stdin.encoding).replace("\r\n", "\n") or None
    except io.UnsupportedOperation:  # a stand-in for a stream, such as a test runner puts there
        return None
    except UnicodeDecodeError as error:
        raise UsageError(f"The piped input is not {sys.stdin.encoding} text (byte {error.start})") from error


def _mention_wait() -> None:
    """A pipe that stays open and silent looks like a hang: say what is waited for."""
    if os.name == "nt":
        return
    import select

    if not select.select([sys.stdin], [], [], PATIENCE)[0]:
        print("ollm: waiting for the piped input to end; with none, add </dev/null", file=sys.stderr)


def _front_end(app: App, kind: str, context: FrontendContext) -> int:
    """Hold a conversation with the first front end of a kind that can be loaded."""
    for owned in app.hub.frontends():
        start = app.hub.load(owned, "run") if owned.item.kind == kind else None
        if start is not None:
            return int(start(context))
    raise OllmError(f"No plugin is installed that can hold a conversation ({kind})", "Run `ollm plugins doctor`.")
