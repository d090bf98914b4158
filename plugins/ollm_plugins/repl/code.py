"""How is code drawn while it comes, line by line, so that it can be copied as it is?

Nothing stands before, behind or around a line. What it takes to colour the next line is kept: the lines of a string or
comment that is still open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from ollm_plugins.repl.wrapping import TAB, cells

if TYPE_CHECKING:
    from ollm_plugins.repl.canvas import Canvas
    from ollm_plugins.repl.look import Look

MOST_OPEN: Final = 100
"""Lines of an open string that are read again for each further line; then it counts as closed."""


class Code:
    """A block of code.

    :param language: as its author names it; empty or unknown gets no colours
    :param indent: spaces before each line that are not part of it
    :param lead: stands before each line, because the block is part of a quotation
    """

    def __init__(self, canvas: Canvas, look: Look, language: str = "", indent: int = 0, lead: str = "") -> None:
        self._canvas = canvas
        self._look = look
        self._colours = Colours(look, language)
        self._indent = indent
        self._lead = lead
        self._line = ""
        self._raw = False

    def feed(self, text: str) -> None:
        """Take in a piece of a line."""
        if not self._line:
            text = self._lead + text[min(self._indent, len(text) - len(text.lstrip(" "))) :]
        if "\t" in text:  # a tab goes no further than the last column, so that what follows would overwrite it
            text = (self._line + text).expandtabs(TAB)[len(self._line) :]
        self._line += text
        if self._raw:
            self._canvas.run_on(text)
        elif cells(text) <= self._canvas.left:
            self._canvas.show(text)
        else:  # it goes on over the edge, where the terminal breaks it: such a line is copied as one
            self._raw = True
            stands = not self._canvas.take_back()
            self._canvas.run_on(text if stands else self._painted())

    def break_line(self) -> None:
        """End a line."""
        if not self._line:
            self.feed("")
        painted = self._painted()
        if self._raw:
            self._canvas.line()
        elif self._canvas.take_back():
            self._canvas.line(painted)
        self._colours.end(self._line[len(self._lead) :])
        self._line, self._raw = "", False

    def end(self) -> None:
        """End the block; a line that has begun stays."""
        if self._line:
            self.break_line()

    def _painted(self) -> str:
        coloured = self._colours.of(self._line[len(self._lead) :])
        return self._look.ansi(Text(self._lead, self._look.theme.mark)) + self._look.ansi(coloured)


class Colours:
    """Colours lines of code in a language, one after the other."""

    def __init__(self, look: Look, language: str) -> None:
        self._look = look
        self._lexer = lexer_for(language) if look.theme.code else None
        self._before: list[str] = []

    def of(self, line: str) -> Text:
        """Return a line in its colours."""
        if self._lexer is None:
            return Text(line)
        skipped = sum(map(len, self._before))
        text, at = Text(), 0
        for kind, words in self._lexer.get_tokens("".join(self._before) + line):
            at += len(words)
            if at > skipped:
                text.append(words[-(at - skipped) :], self._look.token(kind))
                skipped = at
        return text if text.plain == line else Text(line)

    def end(self, line: str) -> None:
        """Keep a line for the next one if something in it is still open."""
        if self._lexer is None:
            return
        self._before.append(f"{line}\n")
        last = None
        for kind, words in self._lexer.get_tokens("".join(self._before)):
            last = kind if words else last
        if not is_open(last) or len(self._before) >= MOST_OPEN:
            self._before.clear()


def is_open(kind: Any) -> bool:
    """Say whether a line feed of this kind of token lies within a string or a comment."""
    from pygments.token import Comment, String  # type: ignore[import-untyped]

    return kind is not None and (kind in String or kind is Comment.Multiline)


def lexer_for(language: str) -> Any:
    """Return what reads a language; None for an unknown one."""
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None
