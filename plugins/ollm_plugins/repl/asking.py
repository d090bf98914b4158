"""How does the REPL ask something in the middle of a turn?

A whole line is read, never a single key, and whatever was typed or pasted before the question stood there is thrown
away: nobody agrees by accident. Events of the turn wait until the answer is there.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, NoReturn

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.input.typeahead import get_typeahead
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from ollm.api import OllmError, Reply, chosen, drawn, forget_typed, visible
from ollm_plugins.repl.editor import in_editor
from ollm_plugins.repl.wrapping import cells, fitted, one_line, rows

if TYPE_CHECKING:
    from ollm.api import App, Choice, Question
    from ollm_plugins.repl.above import Above

MANY: Final = 30
"""Rows of a question's text that are shown before the user asks for all."""

SHOW_ALL: Final = "v"
ROOM: Final = 4
"""Columns that are kept free for the answer."""

NARROWEST: Final = 10
"""Columns into which answers are broken at least."""

FEWEST: Final = 2
"""Rows of a question's text that are shown at least: of a diff, which file it changes."""

PATIENCE: Final = 5.0
"""Seconds that Ctrl-C may take to reach the turn that it ends."""


class Asking:
    """Asks at the terminal, one question after the other.

    :param lent: keeps the screen free of anything else while it is entered
    :param above: is told when a question holds the terminal
    """

    def __init__(self, app: App, lent: Callable[[], AbstractContextManager[None]], above: Above) -> None:
        self._app = app
        self._out = app.out
        self._lent = lent
        self._above = above
        self._session: PromptSession[str] | None = None
        self._answered: asyncio.Event | None = None

    async def over(self) -> None:
        """Wait until no question is open, so that nothing is written into it."""
        while self._answered is not None:
            await self._answered.wait()

    async def asked(self, question: Question) -> Reply | None:
        """Ask; Ctrl-D takes the last choice, Ctrl-C ends the turn."""
        await self.over()
        self._answered = asyncio.Event()
        try:
            with self._lent():
                self._write_title(question)
                return await self._reply(question)
        finally:
            self._answered.set()
            self._answered = None

    async def asked_plainly(self, question: Question) -> Reply | None:
        """Ask line by line, as ollm does without a front end; nothing else is written meanwhile."""
        await self.over()
        self._answered = asyncio.Event()
        self._out.on_question = None
        try:
            with self._lent():
                return await self._app.context.ask(question)
        finally:
            self._out.on_question = self.asked_plainly
            self._answered.set()
            self._answered = None

    async def _reply(self, question: Question) -> Reply:
        hidden = self._show(question, most=_rows(question))
        while True:
            answers, prompt = _keys(question, hidden)
            for row in answers:
                self._write(row)
            typed = await self._line(prompt, afresh=True)
            choice = chosen(question, typed or "")
            if choice is not question.choices[-1] and self._has_more():
                self._write("More than an answer came at once, so it was not taken.")
                continue
            wants_all = typed is not None and typed.strip().lower() == SHOW_ALL
            if hidden and (wants_all or choice is not question.choices[-1]):  # nobody agrees to what was not shown
                hidden = self._show(question, most=0)
                self._write_title(question)  # the first may have scrolled away, and its like may stand in the text
                continue
            if choice.edits is None:
                text = await self._line(self._broken(choice.text)) if choice.text and typed is not None else ""
                return Reply(choice.key, text or "")
            changed = await self._edited(choice)
            if changed is not None:
                return Reply(choice.key, changed)

    def _show(self, question: Question, *, most: int) -> int:
        """Write what a question is about.

        :param most: rows; 0 for all
        :return: how many lines are left out
        """
        lines = drawn(question, color=self._out.color).splitlines()
        plain = drawn(question, color=False).splitlines()
        shown = _fitting(plain, most) if most else len(lines)
        for line in lines[:shown]:
            self._write(line)
        if lines and not shown:  # a single one that is too long
            self._write(fitted(plain[0], most * shutil.get_terminal_size().columns - 1))
        return len(lines) - shown

    def _write_title(self, question: Question) -> None:
        for row in _titled(question):
            self._write(row)

    def _broken(self, prompt: str) -> str:
        """Write the rows of a prompt but the last, which is returned."""
        *above, last = _fitted_rows(visible(prompt))
        for row in above:
            self._write(row)
        return f"{last} "

    def _write(self, line: str) -> None:
        """Write a line in which nothing is left that a terminal would obey, but our colours."""
        self._out.stdout.write(f"{line}\n")
        self._out.stdout.flush()

    async def _line(self, prompt: str, *, afresh: bool = False, default: str = "") -> str | None:
        """Read a line; None for Ctrl-D.

        :param afresh: throw away what was typed before
        :raises CancelledError: Ctrl-C
        """
        session = self._session = self._session or _session(color=self._out.color)
        if afresh:
            get_typeahead(session.app.input)  # what was typed before the question stood there
            forget_typed()
        many = "\n" in default
        try:
            with self._above.prompt(run_in_terminal):
                line = await session.prompt_async(prompt, handle_sigint=False, default=default, multiline=many)
        except EOFError:
            return None
        except KeyboardInterrupt:
            await _interrupted()
        return line.encode("utf-8", "replace").decode()

    def _has_more(self) -> bool:
        """Whether more came together with the last line, as from a paste; it is thrown away."""
        return self._session is not None and bool(get_typeahead(self._session.app.input))

    async def _edited(self, choice: Choice) -> str | None:
        """Let the user change a text: in an editor if it has several lines, else in place; None when it failed."""
        text = choice.edits or ""
        editor = self._app.environ.get("VISUAL") or self._app.environ.get("EDITOR")
        if "\n" not in text:
            return await self._line("edit: ", default=text)
        if not editor:
            self._write("Esc and then Enter ends the editing; with $EDITOR set, an editor opens.")
            return await self._line("", default=text)
        try:
            return await in_editor(editor, text)
        except OllmError as error:
            self._write(visible(str(error)))
            return None


def _session(*, color: bool) -> PromptSession[str]:
    output = create_output(sys.stdout)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False  # a terminal's late answer would be read as input
    return PromptSession(output=output, color_depth=None if color else ColorDepth.DEPTH_1_BIT)


def _titled(question: Question) -> list[str]:
    return _fitted_rows(one_line(question.title))


def _fitted_rows(text: str) -> list[str]:
    """Break a text between words."""
    return rows(text, max(NARROWEST, shutil.get_terminal_size().columns - 1))


def _rows(question: Question) -> int:
    """Return how many rows of the terminal a question's text may fill, so that its title and answers are in view."""
    more, _ = _keys(question, 1)
    taken = sum(map(_height, (*_titled(question), *more))) + 1  # for the prompt
    return max(FEWEST, min(MANY, shutil.get_terminal_size().lines - taken))


def _height(line: str) -> int:
    """Return how many rows of the terminal a line without colours fills."""
    return max(1, -(-cells(line) // max(1, shutil.get_terminal_size().columns)))


def _fitting(lines: list[str], most: int) -> int:
    """Return how many of some lines fit so many rows of the terminal."""
    taken = 0
    for number, line in enumerate(lines):
        taken += _height(line)
        if taken > most:
            return number
    return len(lines)


def _keys(question: Question, hidden: int) -> tuple[list[str], str]:
    """Return rows to write and the prompt: the answers in the prompt, or each in its own row where they do not fit."""
    more = [f"… {hidden} more line{'s' if hidden > 1 else ''}; {SHOW_ALL} shows all"] if hidden else []
    keys = [visible(f"{each.key} {each.label}") for each in question.choices]
    prompt = f"[{', '.join(keys)}] "
    if cells(prompt) < shutil.get_terminal_size().columns - ROOM:
        return more, prompt
    letters = "/".join(each.key for each in question.choices)
    return [*more, *(row for each in question.choices for row in _hanging(each))], f"[{visible(letters)}] "


def _hanging(choice: Choice) -> list[str]:
    """Break an answer between words into rows that fit, one under the other behind its key."""
    begin = f"  {visible(choice.key)} "
    room = shutil.get_terminal_size().columns - cells(begin) - 1  # terminals differ at the last column
    first, *others = rows(visible(choice.label), max(NARROWEST, room))
    return [f"{begin}{first}", *(f"{' ' * cells(begin)}{row}" for row in others)]


async def _interrupted() -> NoReturn:
    """Let Ctrl-C do what it does elsewhere in a turn: whoever runs the turn cancels it, and with it this question.

    :raises CancelledError: always
    """
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(PATIENCE)
    raise asyncio.CancelledError
