"""How is text drawn that flows over rows: a paragraph, a heading, an entry of a list?

Each row is settled as soon as it is full: then it is drawn once, with its emphasis, and never touched again. What
comes after it is shown raw until it is known how it looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from ollm_plugins.repl.inline import cut_of, halves, has_place, inline
from ollm_plugins.repl.wrapping import cells, row_ends

if TYPE_CHECKING:
    from ollm_plugins.repl.canvas import Canvas
    from ollm_plugins.repl.look import Look

PATIENCE: Final = 6
"""Rows that may wait for the end of an emphasis; then it is closed and opened again."""


class Flow:
    """A block of flowing text.

    :param lead: stands before its first row
    :param hang: stands before all others
    :param style: of all of it
    """

    def __init__(self, canvas: Canvas, look: Look, lead: Text, hang: Text, style: str = "") -> None:
        self._canvas = canvas
        self._look = look
        self._hang = hang
        self._style = style
        self._margin = lead
        self._carry = Text()
        self._source = ""
        self._show()

    def feed(self, text: str) -> None:
        """Take in a piece of a line."""
        text = text.replace("\t", " ")
        if not self._source and not self._carry:
            text = text.lstrip(" ")
        self._source += text
        self._canvas.show(text)
        rows = self._canvas.tail_rows
        if rows > self._canvas.bound or (rows > 1 and has_place(text)):
            self._settle()

    def break_line(self) -> None:
        """Go on after the end of a line, which is a space, unless the line asks for more."""
        if self._source.endswith(("  ", "\\")):
            self._source = self._source.removesuffix("\\")
            self.end()
            self._margin = self._hang
            self._show()
        else:
            self.feed(" ")

    def end(self) -> None:
        """Settle all of it."""
        if self._canvas.take_back():
            joined = self._joined(self._source)
            self._write(joined, row_ends(joined.plain, self._room))
        self._source, self._carry = "", Text()

    @property
    def _room(self) -> int:
        return max(self._canvas.width - cells(self._margin.plain), 4)

    def _settle(self) -> None:
        """Draw the rows that are full; what is left becomes the tail."""
        safe, last = cut_of(self._source)
        cut = safe
        if not safe.at and self._canvas.tail_rows > min(PATIENCE, self._canvas.bound):
            cut = last
        if not cut.at:
            if self._canvas.tail_rows >= self._canvas.bound:
                self._give_up()
            return
        source, rest = halves(self._source, cut)
        joined = self._joined(source)
        whole = joined.plain + rest
        full = [end for end in row_ends(whole, self._room) if end <= len(joined.plain) and end < len(whole)]
        self._redraw(joined, full, rest)

    def _give_up(self) -> None:
        """Let stand what cannot be cut."""
        joined = self._joined(self._source)
        self._redraw(joined, row_ends(joined.plain, self._room)[:-1], "")

    def _redraw(self, joined: Text, full: list[int], rest: str) -> None:
        self._source = rest
        if not self._canvas.take_back():
            self._carry, self._source, self._margin = Text(), "", self._hang
            self._show()
            return
        self._write(joined, full)
        self._carry = joined[full[-1] :] if full else joined
        self._show()

    def _joined(self, source: str) -> Text:
        styled = inline(source, self._look.theme)
        if self._style:
            styled.stylize_before(self._style)
        return self._carry + styled

    def _write(self, joined: Text, ends: list[int]) -> None:
        start = 0
        for end in ends:
            row = joined[start:end]
            row.rstrip()
            self._canvas.line(self._look.ansi(self._margin) + self._look.ansi(row))
            self._margin, start = self._hang, end

    def _show(self) -> None:
        """Show the row under way: what is drawn already, then what is raw."""
        for text in (self._margin, self._carry):
            if text:
                self._canvas.show(text.plain, self._look.ansi(text))
        if self._source:
            self._canvas.show(self._source)
