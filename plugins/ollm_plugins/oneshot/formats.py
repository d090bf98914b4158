"""In which forms is an answer written?"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

from ollm.api import (
    CONTEXT_FULL,
    LENGTH_NOTICE,
    Event,
    ExitCode,
    Finished,
    Notice,
    OllmError,
    Progress,
    SettingsError,
    TextDelta,
    ThinkingDelta,
    ToolCalled,
    Waiting,
    to_document,
    visible,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ollm.api import Output

DIM, PLAIN, CLEAR_LINE = "\x1b[2m", "\x1b[0m", "\r\x1b[K"


class Format(Protocol):
    """A form in which an answer is written."""

    def begin(self, provider: str, model: str) -> None:
        """Hear who answers."""
        ...

    def show(self, event: Event) -> None:
        """Hear what comes."""
        ...

    def finish(self) -> int:
        """End well; return the exit code."""
        ...

    def interrupt(self) -> None:
        """End because the user wants it."""
        ...

    def fail(self, error: OllmError) -> None:
        """End badly."""
        ...


class Aside:
    """What goes to stderr beside an answer: thoughts, waiting, downloads."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._terminal = out.draws_aside
        self._open = ""
        self._waited = False
        self._progress: Callable[[Progress], None] | None = None
        self._stack = ExitStack()

    def show(self, event: Event) -> None:
        """Show an event that is not part of the answer."""
        if isinstance(event, Progress):
            if self._progress is None:
                self._progress = self._stack.enter_context(self._out.progress())
            self._progress(event)
            return
        self._take_back()
        if isinstance(event, ThinkingDelta) and self._terminal:
            text = visible(event.text)
            self._raw(f"{DIM}{text}{PLAIN}" if self._out.color else text, "thinking")
        elif isinstance(event, Waiting) and self._terminal:
            self._raw(f"{CLEAR_LINE}loading {visible(event.subject)}… {event.seconds:.0f} s", "waiting")
        elif isinstance(event, Waiting) and not self._waited:
            self._waited = True
            self._out.say(f"ollm: loading {event.subject}…")
        elif isinstance(event, Notice):
            self._out.notify(event)

    @property
    def is_open(self) -> bool:
        """Whether something is on the screen that the answer must not be appended to."""
        return bool(self._open) or self._progress is not None

    def end(self) -> None:
        """Put what follows on a line of its own."""
        self._take_back()
        if self._open == "thinking":
            self._raw("\n", "")

    def _take_back(self) -> None:
        """Remove what was only for the moment."""
        if self._progress is not None:
            self._stack.close()
            self._progress = None
        if self._open == "waiting":
            self._raw(CLEAR_LINE, "")

    def _raw(self, text: str, what: str) -> None:
        self._out.stdout.flush()
        self._out.stderr.write(text)
        self._out.stderr.flush()
        self._open = what


class Text:
    """The answer as it comes; all else on stderr."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._aside = Aside(out)
        self._last = "\n"
        self._reason = "stop"

    def begin(self, provider: str, model: str) -> None:
        """The answer itself is enough."""

    def show(self, event: Event) -> None:
        """Write a piece of the answer, or something beside it."""
        if isinstance(event, TextDelta):
            if self._aside.is_open:
                self._aside.end()
            self._out.write(event.text)
            self._last = event.text[-1:] or self._last
        elif isinstance(event, Finished):
            self._reason = event.reason
            self._end_line()
            if event.reason == "length" and not self._out.has_said(CONTEXT_FULL):
                self._out.notify(LENGTH_NOTICE)
        else:
            if isinstance(event, Notice | ToolCalled):
                self._end_line()
            self._aside.show(event)

    def finish(self) -> int:
        """End well, unless the answer was cut."""
        self._end_line()
        return exit_code(self._reason)

    def interrupt(self) -> None:
        """Leave the cursor on a new line."""
        self._end_line()

    def fail(self, error: OllmError) -> None:
        """Leave it to the caller to say what went wrong.

        :raises OllmError: the error
        """
        self._end_line()
        raise error

    def _end_line(self) -> None:
        self._aside.end()
        if self._last != "\n":
            self._out.write("\n")
            self._last = "\n"


def exit_code(reason: str) -> int:
    """A cut answer is no success, nor are tool calls without an answer; one at the user's own limit is."""
    return ExitCode.FAILED if reason in ("cut", "rounds") else ExitCode.DONE


class Json:
    """One object at the end."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._aside = Aside(out)
        self._text: list[str] = []
        self._document: dict[str, Any] = {"text": "", "model": None, "provider": None, "usage": None}
        self._document |= {"finishReason": None, "notices": []}
        out.on_notice = self._note

    def _note(self, notice: Notice) -> None:
        self._document["notices"].append({"code": notice.code, "text": notice.text})

    def begin(self, provider: str, model: str) -> None:
        """Note who answers."""
        self._document |= {"provider": provider, "model": model}

    def show(self, event: Event) -> None:
        """Collect the answer."""
        if isinstance(event, TextDelta):
            self._text.append(event.text)
        elif isinstance(event, Finished):
            self._document |= {"usage": event.usage, "finishReason": event.reason}
        elif isinstance(event, Notice):
            self._out.notify(event)
        elif not isinstance(event, ThinkingDelta):
            self._aside.show(event)

    def finish(self) -> int:
        """Write the object."""
        self._aside.end()
        self._out.document({**self._document, "text": "".join(self._text)})
        return exit_code(str(self._document["finishReason"]))

    def interrupt(self) -> None:
        """Write what came."""
        self._document["finishReason"] = "interrupted"
        self.finish()

    def fail(self, error: OllmError) -> None:
        """Write what came, and the error, which also goes to stderr."""
        self._document["error"] = error_document(error)
        self.finish()
        say_error(self._out, error)


class StreamJson:
    """One event a line, as it comes."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._reason = "stop"
        out.on_notice = self.show

    def begin(self, provider: str, model: str) -> None:
        """Tell who answers."""
        self._out.line({"type": "started", "provider": provider, "model": model})

    def show(self, event: Event) -> None:
        """Write an event."""
        if isinstance(event, Finished):
            self._reason = event.reason
        self._out.line({"type": event.type, **to_document(event)})

    def finish(self) -> int:
        """The last event has said it all."""
        return exit_code(self._reason)

    def interrupt(self) -> None:
        """Say that the user ended it."""
        self._out.line({"type": Finished.type, "reason": "interrupted", "usage": None})

    def fail(self, error: OllmError) -> None:
        """Say what went wrong, on stderr too."""
        self._out.line({"type": "error", **error_document(error)})
        say_error(self._out, error)


def error_document(error: OllmError) -> dict[str, Any]:
    """Return an error as data."""
    return {"problem": error.problem, "remedy": error.remedy, "exitCode": int(error.exit_code)}


def say_error(out: Output, error: OllmError) -> None:
    """Say an error on stderr; each mistake in the settings is a line of its own."""
    lines = (*error.problems, error.remedy) if isinstance(error, SettingsError) else (str(error),)
    for line in filter(None, lines):
        out.say(f"ollm: {line}")


FORMATS: dict[str, type[Text | Json | StreamJson]] = {
    "text": Text,
    "json": Json,
    "stream-json": StreamJson,
}
