"""What can be set about the terminal?

Annotations stay objects here (no `from __future__ import annotations`), so that reading them costs nothing.
"""

from typing import Annotated, Literal

from msgspec import Struct

from ollm.api import Setting

Thinking = Literal["show", "fold", "hide"]
Theme = Literal["dark", "light", "monokai", "solarized-dark", "solarized-light", "mono"]


class ReplSettings(Struct, frozen=True):
    """The conversation at the terminal."""

    markdown: Annotated[bool, Setting("Whether Markdown in answers is drawn, where the terminal can.")] = True
    thinking: Annotated[
        Thinking, Setting("What of a model's thoughts is shown: all, one line (`/thinking` shows them), or nothing.")
    ] = "show"
    stats: Annotated[
        bool, Setting("Whether tokens, tokens a second and the time to the first token follow each answer.")
    ] = False
    theme: Annotated[
        Theme,
        Setting("Colours of answers: dark and light take those of the terminal, mono takes none.", env=("OLLM_THEME",)),
    ] = "dark"
    plain: Annotated[
        bool,
        Setting(
            "Whether the terminal is written line by line, nothing drawn anew, as screen readers want it.",
            env=("OLLM_PLAIN",),
            flags=("--plain",),
        ),
    ] = False
    editing_mode: Annotated[Literal["emacs", "vi"], Setting("Whose keys edit the line.")] = "emacs"
