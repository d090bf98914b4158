"""How does an answer, or code in it, leave the conversation: to the clipboard, or into a file?"""

from __future__ import annotations

import base64
import os
import re
import shutil
from typing import TYPE_CHECKING, Annotated, Final

import typer
from msgspec import Struct

from ollm.api import CommandContext, Completes, OllmError, UsageError, write_atomically
from ollm_plugins.repl.inclusion import counted

if TYPE_CHECKING:
    from ollm.api import Output

MOST: Final = 74_994
"""Bytes of base64 that xterm takes in one OSC 52 sequence; others take as much or more."""

PATIENCE: Final = 5.0
"""Seconds that a clipboard tool may take."""

_TOOLS: Final = (
    ("WAYLAND_DISPLAY", "wl-copy"),
    ("DISPLAY", "xclip", "-selection", "clipboard"),
    ("DISPLAY", "xsel", "--clipboard", "--input"),
)
"""Variables, and the tools that work where they are set. Elsewhere pyperclip knows one; it does not hear when these fail, as
they do where DISPLAY is left over from another session."""

_FENCE: Final = re.compile(r"^(?P<quote>[ >]*)(?P<sign>`{3,}|~{3,})[ ]*(?P<language>[^`\s]*)[^`]*$")


class Snippet(Struct, frozen=True):
    """A block of code in an answer."""

    language: str
    text: str


def snippets(answer: str) -> list[Snippet]:
    """Return the blocks of code in an answer; one that is never closed goes to its end."""
    found: list[Snippet] = []
    opened: re.Match[str] | None = None
    lines: list[str] = []
    for line in answer.splitlines():
        fence = _FENCE.match(line)
        if opened is None:
            opened, lines = fence, []
        elif fence and fence["sign"].startswith(opened["sign"]) and not fence["language"]:
            found.append(_snippet(opened, lines))
            opened = None
        else:
            lines.append(_without(line, opened["quote"]))
    return [*found, _snippet(opened, lines)] if opened is not None else found


def _snippet(opened: re.Match[str], lines: list[str]) -> Snippet:
    return Snippet(opened["language"].lower(), "".join(f"{line}\n" for line in lines))


def _without(line: str, quote: str) -> str:
    """Take away what stands before a line because its block is quoted or indented, as far as it does."""
    kept = 0
    for sign, wanted in zip(line, quote, strict=False):
        if sign != wanted:
            break
        kept += 1
    return line[kept:]


def wanted(ctx: CommandContext, number: int | None, *, code: bool) -> str:
    """Return the last answer, or a block of code in it.

    :param number: of the block, from 1; None for the last one
    :raises UsageError: there is no such thing
    """
    messages = ctx.conversation.messages if ctx.conversation is not None else []
    answer = next((each.content for each in reversed(messages) if each.role == "assistant" and each.content), None)
    if answer is None:
        raise UsageError("There is no answer yet")
    if not code:
        return answer
    blocks = snippets(answer)
    if not blocks:
        raise UsageError("The last answer holds no block of code")
    if number is not None and not 1 <= number <= len(blocks):
        raise UsageError(f"The last answer has no block of code {number}", f"It has {len(blocks)}, numbered from 1.")
    return blocks[(number or len(blocks)) - 1].text


def copy(
    ctx: CommandContext,
    what: Annotated[str | None, typer.Argument(help="code, for the last block of code.", metavar="[code]")] = None,
    number: Annotated[int | None, typer.Argument(help="Which block of code, from 1.", metavar="[N]")] = None,
) -> None:
    """Copy the last answer, or a block of code in it, to the clipboard."""
    if what not in (None, "code"):
        raise UsageError(f"'{what}' cannot be copied", "Say /copy, /copy code or /copy code N.")
    text = wanted(ctx, number, code=what == "code")
    how = to_clipboard(ctx.out, text)
    ctx.out.prose(f"Copied {counted(text)} ({how})")


def to_clipboard(out: Output, text: str) -> str:
    """Put a text on the clipboard: with the system's tool, else by asking the terminal to.

    :return: how
    :raises OllmError: neither is there
    """
    import subprocess

    import pyperclip

    tool = next((words for shown, *words in _TOOLS if os.environ.get(shown) and shutil.which(words[0])), None)
    try:
        if tool is not None:
            silent = subprocess.DEVNULL
            data = text.encode("utf-8", "replace")
            subprocess.run(tool, input=data, stdout=silent, stderr=silent, timeout=PATIENCE, check=True)  # noqa: S603
        else:
            pyperclip.copy(text)
    except (pyperclip.PyperclipException, OSError, subprocess.SubprocessError):
        return _by_terminal(out, text, f"{tool[0]} failed" if tool is not None else "no clipboard tool was found")
    return "the system's clipboard"


def _by_terminal(out: Output, text: str, why: str) -> str:
    """Send a text to the terminal's clipboard, in the sequence OSC 52 of xterm.

    :raises OllmError: it does not fit, or there is no terminal
    """
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    if not out.is_terminal:
        raise OllmError("There is no clipboard here", "Save it instead: /save FILE.")
    if len(encoded) > MOST:
        raise OllmError("It is too long for the terminal's clipboard", "Save it instead: /save FILE.")
    sequence = f"\x1b]52;c;{encoded}\x07"
    if os.environ.get("TMUX"):  # which hands on only what is wrapped, its escapes doubled
        sequence = f"\x1bPtmux;\x1b{sequence}\x1b\\"
    out.stdout.write(sequence)
    out.stdout.flush()
    return f"asked the terminal to, by OSC 52, as {why}; not every terminal does"


def save(
    ctx: CommandContext,
    file: Annotated[str, typer.Argument(help="Where to; ~ is your home folder.", metavar="FILE"), Completes("path")],
    *,
    code: Annotated[
        int | None, typer.Option("--code", "-c", help="Only this block of code, from 1; 0 for the last.", metavar="N")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite a file that is there.")] = False,
) -> None:
    """Save the last answer, or a block of code in it, as a file."""
    text = wanted(ctx, code or None, code=code is not None)
    path = ctx.app.workspace / os.path.expanduser(file)  # noqa: PTH111  (Path.expanduser fails on an unknown user)
    if path.is_dir():
        raise UsageError(f"{file} is a folder", "Name a file in it.")
    if path.exists() and not force:
        raise UsageError(f"{file} is there already", "--force overwrites it.")
    try:
        data = (text if text.endswith("\n") else f"{text}\n").encode("utf-8", "replace")
        if path.is_file():
            write_atomically(path, data)
        else:
            path.write_bytes(data)
    except OSError as error:
        raise OllmError(f"{file} cannot be written: {error.strerror or error}") from error
    ctx.out.prose(f"Saved {counted(text)} as {file}")
