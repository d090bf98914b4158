"""What is the shell's way in?

Parses what stands before a command, hands the rest to the command tree, and turns whatever goes wrong into
one line and an exit code. What it needs is imported within functions, where Ctrl-C is already taken care of.
"""

from __future__ import annotations

import gc
import io
import os
import stat
import sys

from ollm import __version__

TYPE_CHECKING = False
"""As in `typing`, which takes longer to import than all else here."""

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ollm.app import App
    from ollm.contexts import FrontendContext

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


INTERRUPTED = 130
"""The exit code as in `ExitCode`, which may not be imported yet."""

PATIENCE = 2.0
"""Seconds of silence on a pipe after which the user is told that it is read."""

MOST_PIPED = 64 << 20
"""Bytes that are read from a pipe, at most: more than any model takes, and an endless one would fill the memory."""


def run() -> None:
    """Run the program and end the process.

    Cyclic garbage collection is off while modules are imported, and what was imported is not torn down
    piece by piece at the end: together that is about a quarter of a short run.
    """
    gc.disable()
    try:
        from ollm.ending import end, prepare_streams

        prepare_streams()
        end(main(sys.argv[1:]))
    except KeyboardInterrupt:  # before `main` takes care of it, or once more at the end
        if sys.stderr is not None:
            sys.stderr.write("\n")
        sys.exit(INTERRUPTED)


def main(argv: Sequence[str]) -> int:
    """Run one command line.

    :return: the exit code
    """
    import contextlib

    from ollm.ending import nobody_reads, report, report_unexpected
    from ollm.errors import ExitCode, OllmError
    from ollm.interrupts import held

    try:
        if list(argv) == ["--version"]:
            print(f"ollm {__version__}")
            return ExitCode.DONE
        with held():  # msgspec, if interrupted while it is set up, takes no notice and crashes later
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
    from ollm.commands import dispatch, root_group
    from ollm.contexts import CommandContext
    from ollm.root_options import callback, with_switches_on

    root = tree(app.hub, "shell")
    words = with_switches_on(argv, app, root.children)
    group = root_group(root, app.hub, CommandContext(app, "shell"), callback(app, words, _act))
    group.help, group.epilog = HELP, EXAMPLES
    return dispatch(group, words, "ollm")


def _act(
    app: App,
    context: Any,
    given: Mapping[str, Any],
    *,
    prompt: str | None,
    output: str,
    color: bool | None,
    version: bool,
) -> None:
    """Do what the options before a command ask for, unless a command follows.

    :param given: the values of the options that plugins bring, by the names of their contributions

    :raises Exit: it is done
    """
    from ollm.errors import UsageError

    if color is not None:
        app.out.use_color(wanted=color)
    if context.invoked_subcommand is None:
        code = _print_version(app) if version else _converse(app, prompt, output, given)
        context.exit(code)
    elif prompt is not None or given:
        said = "A prompt (-p)" if prompt is not None else "An option that is about a prompt"
        raise UsageError(f"{said} and the command '{context.invoked_subcommand}' exclude each other")


def _print_version(app: App) -> int:
    app.out.print(f"ollm {__version__}")
    return 0


def _prepared(app: App, context: FrontendContext, given: Mapping[str, Any]) -> FrontendContext:
    """Let the options of plugins change what is to be said.

    :raises OllmError: one of them refuses, or its plugin failed
    """
    from ollm.errors import UsageError

    for owned in app.hub.root_options():
        if owned.item.prepare is not None and owned.item.name in given:
            prepared = app.hub.use(owned, "prepare", context, given)
            if not isinstance(prepared, type(context)):
                problem = f"The option {owned.item.flags[0]} of plugin '{owned.record.name}' failed"
                raise UsageError(problem, "Run `ollm plugins doctor`.")
            context = prepared
    return context


def _converse(app: App, prompt: str | None, output: str, given: Mapping[str, Any]) -> int:
    """Answer one prompt, or open the REPL.

    A front end that answers once checks the settings itself, so that it can say in its own form what is wrong.

    :raises UsageError: there is neither a prompt nor a terminal
    """
    from ollm.contexts import FrontendContext
    from ollm.errors import UsageError

    text = _whole_prompt(prompt)
    context = _prepared(app, FrontendContext(app, text or "", output), given)
    if context.prompt:
        return app.front_end("once", context)
    app.check_settings()
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        return app.front_end("interactive", context)
    raise UsageError("There is no prompt, and no terminal to ask for one", 'Give one: ollm -p "…".')


def _whole_prompt(prompt: str | None) -> str | None:
    """Return the prompt with what was piped in added to it; None when there is neither.

    :raises UsageError: both are empty
    """
    from ollm.errors import UsageError

    given = piped()
    if prompt is None and given is None:
        return None
    text = "\n\n".join(part for part in (prompt, given) if part and part.strip())
    if not text:
        raise UsageError("The prompt is empty")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError("The prompt holds bytes that are not text in your terminal's encoding") from error
    return text


def piped() -> str | None:
    """Read stdin when it is a file, a pipe or a socket; a terminal or /dev/null is not input.

    :raises UsageError: it is no text, or endless
    """
    from ollm.errors import UsageError

    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return None
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
            return None
        _mention_wait()
        data = sys.stdin.buffer.read(MOST_PIPED + 1)
        if len(data) > MOST_PIPED:
            raise UsageError(f"The piped input is larger than {MOST_PIPED >> 20} MiB", "Pipe in less of it.")
        return data.decode(sys.stdin.encoding).replace("\r\n", "\n") or None
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
