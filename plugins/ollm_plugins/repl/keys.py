"""What do the keys do that are not every editor's?"""

from __future__ import annotations

from prompt_toolkit.application.current import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_mode, has_focus, is_searching, vi_mode, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from ollm_plugins.repl.unfinished import continued, goes_on


class Elsewhere(Exception):
    """The user wants to write the line elsewhere, beginning with a text."""


def bindings() -> KeyBindings:
    """Return the bindings: Enter sends, unless the text goes on; Alt-Enter begins a new line."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & ~is_searching
    chosen = Condition(_is_chosen)

    @keys.add("enter", filter=typing & chosen)
    def take(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @keys.add("enter", filter=typing & ~chosen)
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if goes_on(buffer.text) and buffer.document.is_cursor_at_the_end:
            buffer.text = continued(buffer.text)
            buffer.cursor_position = len(buffer.text)
            return
        buffer.validate_and_handle()

    @keys.add("c-f24", filter=typing)  # Alt-Enter with the keys of vi, see `sequences`
    @keys.add("escape", "enter", filter=typing & ~vi_mode)
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add(Keys.Vt100MouseEvent)
    def forget(_: KeyPressEvent) -> None:  # no mouse is asked for; a colour among what is typed looks like its report
        return

    @keys.add("c-x", "c-e", filter=typing & emacs_mode)
    @keys.add("v", filter=typing & vi_navigation_mode)
    def write_elsewhere(event: KeyPressEvent) -> None:
        event.app.erase_when_done = True
        event.app.exit(exception=Elsewhere(event.current_buffer.text))

    return keys


def _is_chosen() -> bool:
    """Say whether the menu of completions stands on one of several; a single one needs no choice."""
    state = get_app().current_buffer.complete_state
    return state is not None and state.current_completion is not None and len(state.completions) > 1
