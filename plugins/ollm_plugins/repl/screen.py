"""How is a turn drawn on the terminal?

Pieces of an answer are written as they come, each at the same cost. What a model, a server or a tool says is
never obeyed by the terminal; see `ollm.api.visible`.
"""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ollm.api import (
    Event,
    Finished,
    Notice,
    OllmError,
    Progress,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    ToolReturned,
    Waiting,
    __version__,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from ollm.api import Output

    Part = Literal["", "answer", "thinking", "waiting"]

DIM, PLAIN, CLEAR_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[K"
LENGTH_TEXT = "The answer was ended at the token limit; raise it with options.maxTokens or --max-tokens."


class Screen:
    """Draws events and says lines; knows what stands in the cursor's line."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._color = out.color
        self._terminal = out.is_terminal
        self._part: Part = ""
        self._mid_line = False
        self._waited = False
        self._progress: Callable[[Progress], None] | None = None
        self._bars = ExitStack()

    def greet(self) -> None:
        """Say which program this is, and how to go on."""
        self._line(f"ollm {__version__} · /help lists the commands, Ctrl-D leaves", dim=True)

    def answerer(self, provider: str, model: str) -> None:
        """Say who answers."""
        self._line(f"{model} ({provider})", dim=True)

    def show(self, event: Event) -> None:
        """Draw what came."""
        if isinstance(event, TextDelta):
            self._stream(event.text, "answer")
        elif isinstance(event, ThinkingDelta):
            self._stream(event.text, "thinking")
        elif isinstance(event, Waiting):
            self._wait(event)
        elif isinstance(event, Progress):
            self._advance(event)
        elif isinstance(event, Notice):
            self.notice(event)
        elif isinstance(event, ToolCalled | ToolReturned):
            self._line(self._fitted(tool_text(event)), dim=True)
        elif isinstance(event, Finished) and event.reason == "length":
            self._line(f"ollm: {LENGTH_TEXT}")

    def notice(self, notice: Notice) -> None:
        """Tell the user something, on a line of its own."""
        self._line(f"ollm: {notice.text}")

    def fail(self, error: BaseException) -> None:
        """Say what went wrong; what came before stays."""
        text = str(error) if isinstance(error, OllmError) else f"{type(error).__name__}: {error}".rstrip(": ")
        for line in text.splitlines():
            self._line(f"ollm: {line}")

    def hint(self, text: str) -> None:
        """Say something that only helps."""
        self._line(text, dim=True)

    def interrupt(self) -> None:
        """Say that the user has stopped it."""
        self.begin_line()
        self._line("[interrupted]", dim=True)

    def begin_line(self) -> None:
        """Put the cursor at the start of an empty line, without the terminal's own "^C"."""
        self.rest()
        if self._terminal:
            self._write(CLEAR_LINE)

    def rest(self) -> None:
        """Put the cursor at the start of a line; nothing transient stays."""
        self._take_back()
        if self._mid_line:
            self._write("\n")
        self._part, self._mid_line, self._waited = "", False, False

    def _stream(self, text: str, part: Part) -> None:
        if not text:
            return
        if self._part != part:
            self._begin(part)
        shown = visible(text)
        self._write(f"{DIM}{shown}{PLAIN}" if part == "thinking" and self._color else shown)
        self._mid_line = not shown.endswith("\n")

    def _begin(self, part: Part) -> None:
        """Set thoughts and answer apart: by a blank line, and by words where there is no colour."""
        after = self._part
        self.rest()
        if after == "thinking":
            self._write("\n")
        if part == "thinking" and not self._color:
            self._write("[thinking]\n")
        elif after == "thinking" and not self._color:
            self._write("[answer]\n")
        self._part = part

    def _wait(self, event: Waiting) -> None:
        if not self._terminal:
            if not self._waited:
                self._line(f"loading {event.subject}…")
                self._waited = True
            return
        if self._part != "waiting":
            self.rest()
            self._part = "waiting"
        text = self._fitted(f"loading {event.subject}… {event.seconds:.0f} s")
        self._write(CLEAR_LINE + self._dim(text))

    def _advance(self, event: Progress) -> None:
        if self._progress is None:
            self.rest()
            self._progress = self._bars.enter_context(self._out.progress())
        self._progress(event)

    def _take_back(self) -> None:
        """Remove what was only for the moment."""
        if self._progress is not None:
            self._progress = None
            self._bars.close()
        if self._part == "waiting":
            self._write(CLEAR_LINE)

    def _line(self, text: str, *, dim: bool = False) -> None:
        self.rest()
        shown = visible(text)
        self._write(f"{self._dim(shown) if dim else shown}\n")

    def _dim(self, text: str) -> str:
        return f"{DIM}{text}{PLAIN}" if self._color else text

    def _write(self, text: str) -> None:
        """Write at once; whatever is not ours is made visible before."""
        self._out.stdout.write(text)
        self._out.stdout.flush()

    def _fitted(self, text: str) -> str:
        """Cut a text so that it stays on one line of the terminal."""
        width = shutil.get_terminal_size().columns - 1
        line = visible(" ".join(text.split()))
        return line if len(line) <= width else f"{line[: width - 1]}…"


def tool_text(event: ToolCalled | ToolReturned) -> str:
    """Return a tool's call or its result in one line."""
    if isinstance(event, ToolCalled):
        arguments = json.dumps(dict(event.call.arguments), ensure_ascii=False, default=str)
        return f"tool {event.call.name} {arguments}"
    return f"tool {event.call.name} {'failed' if event.failed else 'returned'}: {event.content}"
