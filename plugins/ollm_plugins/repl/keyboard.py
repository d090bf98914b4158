"""How is a line read from the user?"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from ollm_plugins.repl.plain import read_line
from ollm_plugins.repl.statusbar import StatusBar, cut

if TYPE_CHECKING:
    from ollm.api import App
    from ollm_plugins.repl.above import Above

PROMPT = "> "
_HELP = "/help "


class CommandCompleter(Completer):
    """Completes `/NAME …`, and `/help NAME …` likewise.

    :param names: full names of commands, without the slash
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = sorted(names)

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  (as prompt_toolkit wants it)
    ) -> Iterable[Completion]:
        """Yield the next word of every command that begins as the line does."""
        line = document.text_before_cursor
        if not line.startswith("/"):
            return
        typed = line.removeprefix(_HELP) if line.startswith(_HELP) else line[1:]
        word = typed.rpartition(" ")[2]
        above = typed[: len(typed) - len(word)]
        for name in self._names:
            if name.startswith(typed) and " " not in name[len(above) :]:
                yield Completion(name[len(above) :], start_position=-len(word))


class Keyboard:
    """Reads lines: with an editor where the terminal can do more than print, plainly where it cannot.

    :param names: full names of the commands to complete, without the slash
    :param bar: stands below the line, where there is an editor
    :param above: is told when the prompt holds the terminal
    """

    def __init__(self, app: App, names: Iterable[str], bar: StatusBar, above: Above) -> None:
        self._app = app
        self._bar = bar
        self._above = above
        self._session = _session(names, color=app.out.color) if app.out.is_terminal else None
        if self._session is None and isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")

    def line(self) -> str:
        """Read one line; what is pasted in one go is one line, even with line feeds in it.

        :raises EOFError: Ctrl-D on an empty line, or the terminal is gone
        :raises KeyboardInterrupt: Ctrl-C
        """
        self._app.out.stdout.flush()
        if self._session is None:
            return self._app.run(read_line(self._app.out, PROMPT, self._above))
        text = self._app.run(self._edited(self._session))
        return text.encode("utf-8", "replace").decode()  # bytes that are no UTF-8 come as lone surrogates

    @property
    def abandoned(self) -> str:
        """What stood in the line that Ctrl-C has cleared, as far as that is known."""
        return self._session.default_buffer.text if self._session is not None else ""

    async def _edited(self, session: PromptSession[str]) -> str:
        """Read one line with the editor, the status bar below it, notices above it."""

        def shown() -> str:
            return cut(self._bar.text, session.app.output.get_size().columns)

        def changed() -> None:
            session.bottom_toolbar = shown if self._bar.text else None
            session.app.invalidate()

        refreshing = asyncio.ensure_future(self._bar.refresh(changed))
        try:
            with self._above.prompt(run_in_terminal):
                return await session.prompt_async(PROMPT, handle_sigint=False)
        finally:
            refreshing.cancel()


def _session(names: Iterable[str], *, color: bool) -> PromptSession[str]:
    output = create_output(sys.stdout)
    if isinstance(output, Vt100_Output):
        # Nothing here needs to know the cursor's row, and a terminal's late answer would be read as input. But who
        # knows nothing of the rows below shows no status bar: there is the prompt's own row at least.
        output.enable_cpr = False
        output.get_rows_below_cursor_position = lambda: 1  # type: ignore[method-assign]
    look = "noreverse ansibrightblack" if color else "noreverse"
    return PromptSession(
        output=output,
        style=Style.from_dict({"bottom-toolbar": look}),
        color_depth=None if color else ColorDepth.DEPTH_1_BIT,
        completer=CommandCompleter(names),
        complete_style=CompleteStyle.READLINE_LIKE,  # keeps no rows free for a menu; windows may be small
        complete_while_typing=False,
        enable_suspend=True,
    )
