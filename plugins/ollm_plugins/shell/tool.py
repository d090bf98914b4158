"""What happens when a model runs a command?"""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ollm.api import HostContext, OllmError, ToolContext, ToolPreview
from ollm_plugins.shell.capture import Capture
from ollm_plugins.shell.environment import environment
from ollm_plugins.shell.process import Ended
from ollm_plugins.shell.settings import ShellSettings
from ollm_plugins.shell.wish import folder, prefix, shown, warning, wished


async def preview(ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolPreview:
    """Show the command as it is.

    :raises UsageError: it cannot be run
    :raises OllmError: there is no sandbox, although the user wants one
    """
    wish = wished(arguments)
    host = ctx.turn.host
    cwd = folder(host.workspace, wish.directory)
    _argv(host, wish.command, cwd)
    text, below = shown(wish.command), str(cwd.relative_to(host.workspace.resolve()))
    if below != ".":
        name = shlex.quote(below) if below.isprintable() else repr(below)
        text = f"cd {name}\n{text}"  # whoever writes that into a command runs it there, too, so that it deceives nobody
    return ToolPreview(text, "command", wish.command, prefix(wish.command), warning(wish.command), edits="command")


async def run(ctx: ToolContext, arguments: Mapping[str, Any]) -> str:
    """Run a command and return its output and how it ended.

    :raises UsageError: it cannot be run
    :raises OllmError: it could not be started, or there is no sandbox, although the user wants one
    """
    from ollm_plugins.shell import process

    wish = wished(arguments)
    host = ctx.turn.host
    settings = host.settings.section(ShellSettings)
    cwd = folder(host.workspace, wish.directory)
    seconds = min(wish.timeout or settings.timeout, settings.max_timeout)
    argv, environ = _argv(host, wish.command, cwd), environment(host.environ, settings.pass_env)
    output = Capture()
    try:
        ended = await process.run(argv, cwd, environ, seconds, output.take)
    except OSError as error:
        raise OllmError(f"The command could not be started: {error}") from error
    text = output.text().strip("\n")
    if settings.sandbox == "bwrap" and ended.code == 1 and text.startswith("bwrap: "):
        raise OllmError(f"The command was not run: the sandbox could not be made ({text.partition(chr(10))[0]})")
    failed = ended.code != 0 and settings.sandbox != "none"
    sandboxed = "; it ran without network, and could write only in the workspace" if failed else ""
    return f"{text or '(no output)'}\n\n[{_told(ended, seconds)}{sandboxed}]"


def _told(ended: Ended, allowed: float) -> str:
    if ended.timed_out:
        return f"ended after {allowed:g} s, because its time was up"
    how = f"exit code {ended.code}"
    if ended.code is not None and ended.code < 0:
        names = {each.value: each.name for each in signal.Signals}  # signals of real time have none
        how = f"ended by {names.get(-ended.code, f'signal {-ended.code}')}"
    left = "; what it had left in the background was ended" if ended.left else ""
    return f"{how} after {ended.seconds:.1f} s{left}"


def _argv(host: HostContext, command: str, cwd: Path) -> list[str]:
    """Return the words that run a command.

    :raises OllmError: there is no sandbox, although the user wants one
    """
    words = _shell(command, host.environ)
    settings = host.settings.section(ShellSettings)
    if settings.sandbox == "none":
        return words
    from ollm_plugins.shell.sandbox import program, secrets, wrapped

    root = host.workspace.resolve()
    hidden = [host.paths.home, *secrets(host.environ, settings.hide)]
    return wrapped(program(host.environ, root), words, root, cwd, hidden)


def _shell(command: str, environ: Mapping[str, str]) -> list[str]:
    if sys.platform == "win32":
        return [environ.get("COMSPEC", "cmd.exe"), "/d", "/s", "/c", command]
    found = "/bin/bash" if Path("/bin/bash").exists() else shutil.which("bash")  # not one that a repository brings
    return [found if found and Path(found).is_absolute() else "/bin/sh", "-c", "--", command]
