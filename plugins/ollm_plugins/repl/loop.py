"""How does a conversation at the terminal go on?

Read a line, do what it says, read the next. Nothing that a line sets off ends the program, unless the user
asks for that or the terminal is gone.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from ollm.api import ExitCode, OllmError, SettingsError, StatusContext, Submission, UsageError
from ollm_plugins.repl.above import Above
from ollm_plugins.repl.asking import Asking
from ollm_plugins.repl.bang import Ran
from ollm_plugins.repl.bang import run as run_command
from ollm_plugins.repl.commands import Leave
from ollm_plugins.repl.inclusion import included
from ollm_plugins.repl.keyboard import Keyboard
from ollm_plugins.repl.screen import Screen
from ollm_plugins.repl.settings import ReplSettings
from ollm_plugins.repl.slash import Slash, split
from ollm_plugins.repl.stats import stats_text
from ollm_plugins.repl.statusbar import StatusBar
from ollm_plugins.repl.unfinished import without_quotes

if TYPE_CHECKING:
    from ollm.api import App, Conversation, FrontendContext, TurnRecord

WARM: Final = 240.0
"""Seconds for which a model that has answered is taken to be in memory still; servers keep one for 300 by default."""


def run(context: FrontendContext) -> int:
    """Converse until the user leaves.

    :return: the exit code
    """
    with ending_signals() as received:
        Repl(context.app, context.conversation(), lambda: bool(received)).run()
    return 128 + received[0] if received else ExitCode.DONE


@contextmanager
def ending_signals() -> Iterator[list[int]]:
    """Collect signals that end the program; each interrupts, as Ctrl-C does, whatever is under way."""
    received: list[int] = []

    def take(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (as signal wants it)
        received.append(number)
        signal.raise_signal(signal.SIGINT)

    wanted = [getattr(signal, name) for name in ("SIGHUP", "SIGTERM") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in wanted}
    taken = [number for number in wanted if before[number] is not signal.SIG_IGN]  # as nohup has it
    for number in taken:
        signal.signal(number, take)
    try:
        yield received
    finally:
        for number in taken:
            signal.signal(number, before[number])


class Repl:
    """One conversation and the terminal that it is held at.

    :param is_over: whether the program is to end although the user has not asked for it
    """

    def __init__(self, app: App, conversation: Conversation, is_over: Callable[[], bool] = lambda: False) -> None:
        self._app = app
        self._is_over = is_over
        self._conversation = conversation
        self._slash = Slash(app, self._conversation)
        self._screen = Screen(app.out, self._wanted)
        self._above = Above(self._screen.notice)
        self._asking = Asking(app, self._screen.lent, self._above)
        self._keyboard = Keyboard(app, self._slash.proposals(), StatusBar(app, self._status), self._above)
        self._answerer = ("", "")
        self._answered_at = float("-inf")
        self._ran: Ran | None = None

    def run(self) -> None:
        """Converse until the user leaves or the terminal is gone."""
        self._app.out.on_notice = self._above.notice
        self._app.out.is_read = True
        edits = self._app.out.is_terminal and not self._wanted().plain
        self._app.out.on_question = self._asking.asked if edits else self._asking.asked_plainly
        self._screen.greet()
        self._show_earlier()
        pressed = False
        while not self._is_over():
            try:
                if pressed:
                    self._screen.begin_line()
                    pressed = False
                self._round()
            except KeyboardInterrupt:
                pressed = True  # again, while the first press was being dealt with
            except (Leave, EOFError, OSError):
                break  # OSError: only the terminal itself fails here

    def _wanted(self) -> ReplSettings:
        try:
            return self._app.settings.section(ReplSettings)
        except SettingsError:  # whoever answers says so; the commands that help to mend it work meanwhile
            return ReplSettings()

    def _status(self) -> StatusContext:
        return StatusContext(self._app.context, *self._answerer, self._conversation.last_turn)

    def _round(self) -> None:
        self._app.out.linear = self._wanted().plain or not self._app.out.color  # may be set at any time
        try:
            line = self._keyboard.line()
        except KeyboardInterrupt:
            if not self._keyboard.edits:
                self._screen.begin_line()
            if not self._keyboard.abandoned:
                self._screen.hint("Ctrl-D or /exit leaves.")
            return
        if line.strip():
            self._app.out.fresh()
            self._guarded(lambda: self._obey(line))

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do something; what goes wrong is told in one line.

        :raises OSError: the terminal is gone
        """
        try:
            work()
            self._screen.rest()
        except KeyboardInterrupt:
            self._keyboard.forget_typed()
            self._screen.interrupt()
        except SystemExit as error:
            if error.code:
                self._screen.fail(OllmError(f"The command ended with {error.code}"))
        except Exception as error:  # noqa: BLE001  (a command or a turn may raise anything)
            self._screen.fail(error)
            if os.environ.get("OLLM_DEBUG"):
                traceback.print_exception(error)

    def _obey(self, line: str) -> None:
        """Do what a line says: a command, a command of the shell, or a prompt; a block in quotes is always that."""
        text = without_quotes(line)
        if text != line:
            if text.strip():
                self._say(text)
        elif line.startswith("/") and not line.startswith("//"):
            self._command(line[1:])
        elif line.startswith("!"):
            self._run(line)
        else:
            self._say(line[1:] if line.startswith("//") else line)

    def _command(self, line: str) -> None:
        """Run a command, and answer what it wants answered; what it took back for that stands if nothing comes."""
        said, last = len(self._conversation.messages), self._conversation.last_turn
        held = self._conversation.id
        try:
            submissions = self._slash.run(split(line))
        finally:
            self._follow(last)
        if self._conversation.id != held:
            self._show_earlier()
        for wanted in submissions:
            try:
                self._app.run(self._turn(wanted))
            except BaseException:
                if len(self._conversation.messages) < said and self._conversation.put_back():
                    self._follow(None)
                    self._screen.hint("The answer before this stays.")
                raise

    def _show_earlier(self) -> None:
        """Show where a conversation stands that was begun before."""
        if self._conversation.messages:
            from ollm_plugins.repl.earlier import show_earlier

            show_earlier(Screen(self._app.out, self._wanted), self._conversation.messages)

    def _follow(self, before: TurnRecord | None) -> None:
        """Show who answers after a command that has let the conversation go on with a turn held elsewhere."""
        last = self._conversation.last_turn
        if last is not None and last is not before and last.model:
            self._answerer, self._answered_at = (last.provider, last.model), float("-inf")

    def _say(self, text: str) -> None:
        """Send a prompt, with the files that it includes."""
        found = included(text, self._app.workspace)
        for told in found.told:
            self._screen.hint(told)
        self._app.run(self._turn(Submission(found.prompt, found.images)))

    def _run(self, line: str) -> None:
        """Run a command of the user's own; with !! the model gets its output, or that of the last one."""
        command = line.lstrip("!").strip() if line.startswith("!!") else line[1:].strip()
        if command or not line.startswith("!!"):
            self._ran = run_command(command, self._app.workspace, self._app.environ)
            if self._ran.code:
                self._screen.hint(f"It ended with exit code {self._ran.code}.")
        if line.startswith("!!"):
            if self._ran is None:
                raise UsageError("No command was run", "!COMMAND runs one; !! then shows the model what it wrote.")
            self._app.run(self._turn(Submission(self._ran.prompt)))

    async def _turn(self, wanted: Submission) -> None:
        """Hold one turn."""
        self._screen.begin()
        try:
            await self._answer(wanted)
        finally:
            self._screen.over()
        if self._wanted().stats and self._conversation.last_turn is not None:
            self._screen.hint(stats_text(self._conversation.last_turn))

    async def _answer(self, wanted: Submission) -> None:
        """Show an answer as it comes, and say first who answers when that has changed."""
        said = (wanted.prompt, wanted.images, wanted.overrides)
        answerer = await self._conversation.answerer(*said)
        now = (answerer.entry.item.name, answerer.model)
        if now != self._answerer:
            self._screen.answerer(*now)
            self._answerer, self._answered_at = now, float("-inf")
        self._screen.asked(warm=time.monotonic() - self._answered_at < WARM)
        async with aclosing(self._conversation.ask(*said)) as events:
            async for event in events:
                await self._asking.over()
                self._screen.show(event)
        self._answered_at = time.monotonic()
