"""How is the user asked for the values that are missing?

One by one, in the terminal: Enter ends a value, Alt-Enter begins another line of it, what is pasted may have several.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ollm.api import may_keep, read_line
from ollm_plugins.templates.values import is_text

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession

    from ollm.api import App, TemplateVariable
    from ollm_plugins.templates.history import ValueHistory
    from ollm_plugins.templates.template import Known


def ask(app: App, known: Known, lacking: Sequence[TemplateVariable], how: str = "") -> dict[str, str]:
    """Ask for values.

    :param how: what stands before a value on the command line, for whoever cannot be asked
    :raises UsageError: nobody can be asked, or the user has ended the input
    :raises KeyboardInterrupt: the user pressed Ctrl-C
    """
    if not app.out.can_ask:
        raise known.missing(lacking, how)
    count = "a value" if len(lacking) == 1 else f"{len(lacking)} values"
    keys = "Alt-Enter begins a new line, Ctrl-C cancels" if app.out.draws_aside else "Ctrl-C cancels"
    app.out.say(f"The template '{known.name}' needs {count}; {keys}.")
    values: dict[str, str] = {}
    for variable in lacking:
        if variable.description:
            app.out.say(f"{variable.name}: {variable.description}")
        try:
            values[variable.name] = _asked(app, variable.name)
        except EOFError:
            raise known.missing([each for each in lacking if each.name not in values], how) from None
    return values


def _asked(app: App, name: str) -> str:
    """Ask until there is a value.

    :raises EOFError: the input has ended
    """
    while True:
        text = _edited(app, name) if app.out.draws_aside else app.run(read_line(app.out, f"{name}: "))
        if text is None:
            raise EOFError
        if text.strip() and is_text(text):
            return text
        app.out.say("It needs a text." if not text.strip() else "It holds bytes that are no text.")


def _edited(app: App, name: str) -> str:
    from ollm_plugins.templates.history import ValueHistory

    file = app.paths.home / "history" / "templates" / f"{name}.txt"
    history = ValueHistory(file, keeps=may_keep(app.services))
    text = app.run(_session(app, history).prompt_async(f"{name}: ", handle_sigint=False))
    if history.problem:
        app.out.say(f"ollm: That could not be kept for later: {history.problem}.")
    return text


def _session(app: App, history: ValueHistory) -> PromptSession[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.output import ColorDepth, create_output
    from prompt_toolkit.output.vt100 import Vt100_Output

    keys = KeyBindings()
    keys.add("escape", "enter")(lambda event: event.current_buffer.insert_text("\n"))
    output = create_output(sys.stderr)
    if isinstance(output, Vt100_Output):
        output.enable_cpr = False  # a terminal's late answer would be read as input
    return PromptSession(
        output=output,
        history=history,
        key_bindings=keys,
        color_depth=None if app.out.color else ColorDepth.DEPTH_1_BIT,
        enable_suspend=True,
    )
