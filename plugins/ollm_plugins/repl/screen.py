"""How is a turn drawn on the terminal?

Pieces of an answer are written as they come, each at the same cost. What a model, a server or a tool says is
never obeyed by the terminal; see `ollm.api.visible`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from ollm.api import (
    CONTEXT_FULL,
    LENGTH_NOTICE,
    Event,
    Finished,
    Notice,
    OllmError,
    Progress,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    ToolDecided,
    ToolReturned,
    Waiting,
    __version__,
    as_typed_in_repl,
    typing_unseen,
    visible,
)
from ollm_plugins.repl.calls import Calls, call_line, call_text
from ollm_plugins.repl.canvas import Canvas
from ollm_plugins.repl.settings import ReplSettings
from ollm_plugins.repl.spinner import CLEAR_LINE
from ollm_plugins.repl.thoughts import Thoughts
from ollm_plugins.repl.underway import UnderWay
from ollm_plugins.repl.writing import Writer

if TYPE_CHECKING:
    from typing import Literal

    from ollm.api import Output
    from ollm_plugins.repl.markdown import Markdown

    Part = Literal["", "answer", "thinking", "folded"]

DIM: Final = "\x1b[2m"
PLAIN: Final = "\x1b[0m"
AFTER_SENDING: Final = 0.03
"""Seconds after which a request is on its way."""


class Screen:
    """Draws events and says lines; knows what stands in the cursor's line.

    :param settings: returns those in force, asked at the beginning of each turn
    """

    def __init__(self, out: Output, settings: Callable[[], ReplSettings] = ReplSettings) -> None:
        self._out = out
        self._settings = settings
        self._wanted = settings()
        self._color = out.color
        self._writer = Writer(out.stdout)
        self._canvas = Canvas(self._writer.write)
        encoding = getattr(out.stdout, "encoding", None) or "utf-8"
        self._unicode = encoding.lower().startswith("utf")
        self._under_way = UnderWay(self._canvas, self._dim, self._room, unicode=self._unicode)
        self._part: Part = ""
        self._mid_line = False
        self._waited = False
        self._warm = False
        self._thinking_since = 0.0
        self._markdown: Markdown | None = None
        self._thoughts: Thoughts | None = None
        self._calls = Calls()
        self._progress: Callable[[Progress], None] | None = None
        self._bars = ExitStack()
        self._unseen = ExitStack()

    @property
    def _redraws(self) -> bool:
        """Whether what is on the screen may be drawn anew."""
        return self._out.is_terminal and self._color and not self._wanted.plain

    def greet(self) -> None:
        """Say which program this is, and how to go on."""
        self._line(f"ollm {__version__} · /help lists the commands, Ctrl-D leaves", dim=True)

    def answerer(self, provider: str, model: str) -> None:
        """Say who answers."""
        self._line(f"{model} ({provider})", dim=True)

    def begin(self) -> None:
        """Begin a turn: something is under way."""
        self._wanted = self._settings()
        self._calls.clear()
        if self._redraws:
            self._unseen.enter_context(typing_unseen())
            self._under_way.begin()

    def over(self) -> None:
        """End a turn: nothing is under way any more."""
        self._under_way.over()
        self.rest()
        self._unseen.close()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Leave the terminal to somebody else, such as a question."""
        self.rest()
        self._unseen.close()
        with self._under_way.lent():
            yield
        if self._redraws:
            self._unseen.enter_context(typing_unseen())
        self._under_way.go_on(self._calls.under_way)

    def asked(self, *, warm: bool) -> None:
        """Wait for the answer.

        :param warm: whether the model has answered a moment ago, so that it is in memory
        """
        self._warm = warm
        if self._redraws and self._wanted.markdown:  # its libraries load while the model thinks, not when it speaks
            asyncio.get_running_loop().call_later(AFTER_SENDING, lambda: self._drawing().prepare())

    def show(self, event: Event) -> None:
        """Draw what came."""
        self._under_way.heard()
        if isinstance(event, TextDelta):
            self._stream(event.text, "answer")
        elif isinstance(event, ThinkingDelta):
            self._think(event.text)
        elif isinstance(event, Waiting):
            self._wait(event)
        elif isinstance(event, Progress):
            self._advance(event)
        elif isinstance(event, Notice):
            self._out.notify(event)
        elif isinstance(event, ToolCalled | ToolDecided | ToolReturned):
            self._tool(event)
        elif isinstance(event, Finished) and event.reason == "length" and not self._out.has_said(CONTEXT_FULL):
            self._out.notify(LENGTH_NOTICE)

    def notice(self, notice: Notice) -> None:
        """Tell the user something, on a line of its own."""
        self._line(f"ollm: {as_typed_in_repl(notice.text)}")

    def fail(self, error: BaseException) -> None:
        """Say what went wrong; what came before stays."""
        text = str(error) if isinstance(error, OllmError) else f"{type(error).__name__}: {error}".rstrip(": ")
        for line in as_typed_in_repl(text).splitlines():
            self._line(f"ollm: {line}")

    def hint(self, text: str) -> None:
        """Say something that only helps."""
        self._line(text, dim=True)

    def interrupt(self) -> None:
        """Say that the user has stopped it."""
        self.begin_line()
        self._line("[interrupted]", dim=True)

    def begin_line(self) -> None:
        """Put the cursor at the start of an empty line: over the terminal's own "^C", or below it."""
        stands = self._mid_line
        self.rest()
        if self._redraws:
            self._writer.write(CLEAR_LINE)
        elif self._out.stdout.isatty() and not stands:
            self._writer.write("\n")

    def rest(self) -> None:
        """Put the cursor at the start of a line; nothing transient stays."""
        self._under_way.take_back()
        if self._progress is not None:
            self._progress = None
            self._bars.close()
        if self._markdown is not None:
            markdown, self._markdown = self._markdown, None
            markdown.end()
        if self._thoughts is not None:
            self._writer.write(self._dim(self._thoughts.end()))
            self._thoughts = None
        if self._mid_line:
            self._writer.write("\n")
        folded = self._part == "folded"
        self._part, self._mid_line, self._waited = "", False, False
        if folded:
            seconds = time.monotonic() - self._thinking_since
            self._put(f"thought for {seconds:.0f} s; /thinking shows it", dim=True)
        self._writer.flush()

    def _think(self, text: str) -> None:
        if self._wanted.thinking == "show":
            self._stream(text, "thinking")
            return
        if self._wanted.thinking == "fold" and self._part != "folded":
            self.rest()
            self._part, self._thinking_since = "folded", time.monotonic()
        if self._redraws:
            self._under_way.say("thinking\u2026")

    def _stream(self, text: str, part: Part) -> None:
        if not text:
            return
        if self._part != part or self._under_way.has_line:
            self._begin(part)
        shown = visible(text)
        if self._markdown is not None:
            self._markdown.add(shown)
            return
        shown = self._thoughts.add(shown) if self._thoughts is not None else shown
        self._writer.write(self._dim(shown) if part == "thinking" else shown)
        self._mid_line = self._thoughts is None and not shown.endswith("\n")

    def _begin(self, part: Part) -> None:
        """Set thoughts and answer apart: by a blank line, and by words where there is no colour."""
        after = self._part
        self.rest()
        if after == "thinking":
            self._writer.write("\n")
        if part == "thinking" and not self._color:
            self._writer.write("[thinking]\n")
        elif after == "thinking" and not self._color:
            self._writer.write("[answer]\n")
        self._part, self._warm = part, True
        if part == "thinking" and self._out.is_terminal:
            self._canvas.measure()
            self._thoughts = Thoughts(self._canvas.width)
        if part == "answer" and self._redraws and self._wanted.markdown:
            self._markdown = self._drawing()

    def _room(self) -> int:
        """Return how many columns are free behind a text that is under way, as far as that is known."""
        if self._thoughts is not None:
            return self._thoughts.left
        return self._canvas.left if self._markdown is not None else 0

    def _drawing(self) -> Markdown:
        from ollm_plugins.repl.look import Look
        from ollm_plugins.repl.markdown import Markdown

        self._canvas.measure()
        return Markdown(self._canvas, Look(self._out, self._wanted.theme))

    def _wait(self, event: Waiting) -> None:
        words = f"{'waiting for' if self._warm else 'loading'} {event.subject}\u2026"
        if self._redraws:
            if not self._under_way.has_line:
                self.rest()
            self._under_way.start(words, seconds=event.seconds)
        elif not self._waited:
            self._line(words)
            self._waited = True

    def _advance(self, event: Progress) -> None:
        if self._progress is None:
            self.rest()
            self._progress = self._bars.enter_context(self._out.progress(transient=True))
        self._progress(event)

    def _tool(self, event: ToolCalled | ToolDecided | ToolReturned) -> None:
        if isinstance(event, ToolCalled):
            self.rest()
            self._warm = True
            if not self._redraws:
                self._line(self._canvas.fitted(f"tool {call_text(event.call)}"), dim=True)
        told = self._calls.told(event, short=not self._redraws)
        if told is not None:
            self.rest()
            self._line(call_line(self._sign, *told, self._canvas.width), dim=True)
        self._under_way.go_on(self._calls.under_way)

    @property
    def _sign(self) -> str:
        if not self._redraws:
            return "tool"
        return "\u25cf" if self._unicode else "*"

    def _line(self, text: str, *, dim: bool = False) -> None:
        waited = self._under_way.has_line
        self.rest()
        self._put(text, dim=dim)
        self._under_way.go_on(self._calls.under_way, again=waited)

    def _put(self, text: str, *, dim: bool) -> None:
        shown = visible(text)
        for row in self._canvas.rows(shown) if self._out.is_terminal else [shown]:
            self._writer.write(f"{self._dim(row) if dim else row}\n")

    def _dim(self, text: str) -> str:
        return f"{DIM}{text}{PLAIN}" if self._color and text else text
