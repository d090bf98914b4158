"""How is a line read from the user?"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import get_typeahead
from prompt_toolkit.output import ColorDepth, create_output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Style

from ollm.api import Notice, OllmError, may_keep
from ollm_plugins.repl.completion import LineCompleter
from ollm_plugins.repl.editor import editor_of, in_editor
from ollm_plugins.repl.history import FolderHistory
from ollm_plugins.repl.keys import Elsewhere, bindings
from ollm_plugins.repl.plain import read_line
from ollm_plugins.repl.sequences import drop_unknown
from ollm_plugins.repl.settings import ReplSettings
from ollm_plugins.repl.statusbar import StatusBar, fitting
from ollm_plugins.repl.unfinished import continued, goes_on

if TYPE_CHECKING:
    from ollm.api import App
    from ollm_plugins.repl.above import Above
    from ollm_plugins.repl.completion import Proposals

PROMPT: Final = "> "
NEXT: Final = ". "
"""Stands before the further lines of a text."""

MENU: Final = 8
"""Rows that the menu of completions takes at most, with the line above it; never more than half the window."""


class Keyboard:
    """Reads lines: with an editor where the terminal can do more than print, plainly where it cannot.

    :param proposals: knows what could be meant by what is typed
    :param bar: stands below the line, where there is an editor
    :param above: is told when the prompt holds the terminal
    """

    def __init__(self, app: App, proposals: Proposals, bar: StatusBar, above: Above) -> None:
        self._app = app
        self._bar = bar
        self._above = above
        plain = app.settings.section(ReplSettings).plain
        self._session = _session(app, proposals) if app.out.is_terminal and not plain else None
        if self._session is None and isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")

    def line(self) -> str:
        """Read one text; what is pasted in one go is one text, even with line feeds in it.

        :raises EOFError: Ctrl-D on an empty line, or the terminal is gone
        :raises KeyboardInterrupt: Ctrl-C
        """
        self._app.out.stdout.flush()
        if self._session is None:
            return self._plainly()
        text = self._app.run(self._edited(self._session))
        return text.encode("utf-8", "replace").decode()  # bytes that are no UTF-8 are lone surrogates

    @property
    def edits(self) -> bool:
        """Whether there is an editor, which leaves the cursor at the start of a line."""
        return self._session is not None

    @property
    def abandoned(self) -> str:
        """What stood in the line that Ctrl-C has cleared, as far as that is known."""
        return self._session.default_buffer.text if self._session is not None else ""

    def forget_typed(self) -> None:
        """Throw away what was typed ahead, as the terminal does at Ctrl-C: it must not be taken for a later answer."""
        if self._session is not None:
            get_typeahead(self._session.app.input)

    def _plainly(self) -> str:
        text = self._app.run(read_line(self._app.out, PROMPT, self._above))
        while goes_on(text):
            text = continued(text) + self._app.run(read_line(self._app.out, NEXT, self._above))
        return text

    async def _edited(self, session: PromptSession[str]) -> str:
        """Read one text with the editor, the status bar below it, notices above it."""

        def shown() -> str:
            return fitting(self._bar.texts, session.app.output.get_size().columns)

        def changed() -> None:
            session.bottom_toolbar = shown if self._bar.text else None
            if not self._app.out.linear:  # else the next key shows it: nothing is drawn anew by itself
                session.app.invalidate()

        session.reserve_space_for_menu = min(MENU, session.app.output.get_size().rows // 2)
        refreshing = asyncio.ensure_future(self._bar.refresh(changed))
        try:
            if self._app.out.linear:
                await self._bar.answered()
            with self._above.prompt(run_in_terminal):
                return await self._written(session)
        finally:
            refreshing.cancel()

    async def _written(self, session: PromptSession[str]) -> str:
        """Read one text, which the user may write elsewhere: then it is shown and sent, or is as it was if that failed."""
        text, is_done = "", False
        while True:
            session.app.erase_when_done = False
            try:
                return await session.prompt_async(PROMPT, handle_sigint=False, default=text, accept_default=is_done)
            except Elsewhere as begun:
                text = str(begun)
            try:
                text, is_done = (await in_editor(editor_of(self._app.environ), text)).rstrip("\n"), True
            except OllmError as error:
                self._app.out.notify(Notice("editor-failed", str(error)))
            except asyncio.CancelledError:  # the terminal may have written ^C
                with suppress(OSError):
                    self._app.out.write("\n")
                raise


def _session(app: App, proposals: Proposals) -> PromptSession[str]:
    output = create_output(sys.stdout)
    if isinstance(output, Vt100_Output):
        # Nothing here needs to know the cursor's row, and a terminal's late answer would be read as input. But who
        # knows nothing of the rows below shows no status bar: there is the prompt's own row at least.
        output.enable_cpr = False
        output.get_rows_below_cursor_position = lambda: 1  # type: ignore[method-assign]
    color = app.out.color
    look = "noreverse ansibrightblack" if color else "noreverse"
    vi = app.settings.section(ReplSettings).editing_mode == "vi"
    return PromptSession(
        input=drop_unknown(create_input(), vi=vi),
        output=output,
        style=Style.from_dict({"bottom-toolbar": look}),
        color_depth=None if color else ColorDepth.DEPTH_1_BIT,
        history=_history(app),
        auto_suggest=AutoSuggestFromHistory() if color else None,  # else nobody could tell it from what is typed
        completer=LineCompleter(proposals),
        complete_while_typing=False,
        key_bindings=bindings(),
        multiline=True,
        prompt_continuation=lambda width, number, wraps: " " * width if wraps else NEXT,  # noqa: ARG005  (as it is called)
        vi_mode=vi,
        search_ignore_case=True,
        enable_suspend=True,
    )


def _history(app: App) -> FolderHistory:
    def tell(text: str) -> None:
        app.out.notify(Notice("history-not-kept", text))

    file = app.paths.home / "history" / "lines.jsonl"
    return FolderHistory(file, lambda: os.fspath(app.workspace), tell, lambda: may_keep(app.services))
