"""How is the user asked something while a turn or a command is under way?

A front end that owns the terminal answers in its own way (`Output.on_question`); without one, the question is
written to stderr and a line is read from stdin. Where nobody can be asked, there is no reply.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from ollm.terminal import forget_typed
from ollm.text import visible

if TYPE_CHECKING:
    from ollm.output import Output

Form = Literal["text", "command", "diff", "url"]
"""What a text is, so that it can be drawn in its way."""


class Choice(Struct, frozen=True):
    """One answer.

    :param key: what the user types, e.g. "y"
    :param label: what it does, e.g. "yes"
    :param text: asks for a line of text with it, under this prompt, e.g. "Why not?"; empty asks for none
    :param edits: the text that the user may change in an editor with it; None for an answer that changes nothing
    """

    key: str
    label: str
    text: str = ""
    edits: str | None = None


class Question(Struct, frozen=True):
    """Something to be decided.

    :param title: one line
    :param body: what it is about, shown whole; untrusted
    :param choices: the answers; the last one is taken for anything that is none of them
    """

    title: str
    choices: tuple[Choice, ...]
    body: str = ""
    form: Form = "text"


class Reply(Struct, frozen=True):
    """What the user has answered.

    :param text: what came with it: the line, or the changed text
    """

    key: str
    text: str = ""


def chosen(question: Question, answer: str) -> Choice:
    """Return the choice that a typed answer means; the last one when it is none of them."""
    typed = answer.strip().lower()
    by_key = {each.key.lower(): each for each in question.choices}
    by_label = {each.label.lower(): each for each in question.choices}
    return by_key.get(typed) or by_label.get(typed) or question.choices[-1]


async def ask(out: Output, question: Question) -> Reply | None:
    """Ask the user; None when nobody can be asked, or the input has ended."""
    if out.on_question is not None:
        return await out.on_question(question)
    if not out.can_ask:
        return None
    return await _asked_plainly(out, question)


async def _asked_plainly(out: Output, question: Question) -> Reply | None:
    out.say(question.title)
    if question.body:
        out.stderr.write(drawn(question, color=out.draws_aside and out.color) + "\n")  # `say` would show its colours
    keys = ", ".join(f"{each.key} {each.label}" for each in question.choices if each.edits is None)
    forget_typed()
    answer = await read_line(out, f"[{keys}] ")
    if answer is None:
        return None
    choice = chosen(question, answer)
    if choice.edits is not None:  # an editor belongs to a front end that owns the terminal
        choice = question.choices[-1]
    text = await read_line(out, f"{choice.text} ") if choice.text else ""
    return Reply(choice.key, text or "")


COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
PLAIN = "\x1b[0m"


def drawn(question: Question, *, color: bool) -> str:
    """Return what a question is about, its control characters made visible; a diff in colours if they are wanted.

    Further lines of a command are marked as shells mark them, so that none poses as another question. Whoever writes
    it must not escape it again.
    """
    lines = visible(question.body).splitlines()
    if question.form == "command":
        lines = [f"$ {lines[0]}", *(f"> {line}" for line in lines[1:])] if lines else []
    if question.form != "diff" or not color:
        return "\n".join(lines)
    return "\n".join(f"{COLORS[line[0]]}{line}{PLAIN}" if line[:1] in COLORS else line for line in lines)


async def read_line(out: Output, prompt: str) -> str | None:
    """Write a prompt to stderr and read a line from stdin, while the event loop goes on; None when there is none."""
    out.stdout.flush()
    out.stderr.write(visible(prompt))
    out.stderr.flush()
    await readable()
    line = sys.stdin.readline()
    if not line:  # Ctrl-D, which leaves the cursor behind the prompt
        out.stderr.write("\n")
        out.stderr.flush()
        return None
    return line.rstrip("\r\n")


async def readable() -> None:
    """Wait until stdin can be read; at once for a file, and where an event loop cannot wait for terminals."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(sys.stdin, there.set)
    except (NotImplementedError, OSError):
        return
    try:
        await there.wait()
    finally:
        loop.remove_reader(sys.stdin)
