"""How is Markdown drawn while it comes?

What has come is told apart line by line: the beginning of a line is held until it is known what the line belongs to,
a few characters for most. Nothing is parsed twice, so a token costs the same early and late in an answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct
from rich.text import Text

from ollm_plugins.repl.code import Code
from ollm_plugins.repl.flow import Flow
from ollm_plugins.repl.inline import inline
from ollm_plugins.repl.table import Table, is_rule

if TYPE_CHECKING:
    from ollm_plugins.repl.canvas import Canvas
    from ollm_plugins.repl.look import Look

_UNDECIDED: Final = re.compile(r"[#*_=\-+\s]*|\d{1,9}[.)]?\s*|`{1,2}|~{1,2}")
_FENCE: Final = re.compile(r"(`{3,})([^`]*)|(~{3,})(.*)")
_FENCE_BEGINS: Final = re.compile(r"```|~~~")
_HEADING: Final = re.compile(r"(#{1,6})\s+(?=\S)")
_ITEM: Final = re.compile(r"([-*+]|\d{1,9}[.)])\s+(?=\S)")
_RULE: Final = re.compile(r"([-*_])\s*(?:\1\s*){2,}")
_QUOTES: Final = re.compile(r"(?: {0,3}> ?)+")

_CODE: Final = 4
"""Spaces that make a line code, outside of lists."""


class Block(Protocol):
    """Draws one block."""

    def feed(self, text: str) -> None:
        """Take in a piece of a line."""
        ...

    def break_line(self) -> None:
        """Hear that a line has ended, and that another one of the block follows or may follow."""
        ...

    def end(self) -> None:
        """Settle what is not yet, and leave the cursor at the start of a row."""
        ...


class Fence(Struct, frozen=True):
    """What has opened a block of code."""

    sign: str
    depth: int

    def is_closed_by(self, line: str) -> bool:
        """Say whether a line ends the block."""
        bare = line.strip()
        return len(bare) >= len(self.sign) and set(bare) == {self.sign[0]}

    def may_be_closed_by(self, start: str) -> bool:
        """Say whether a line that begins so may end the block."""
        return not start.strip(f" {self.sign[0]}")


class Markdown:
    """An answer while it is drawn."""

    def __init__(self, canvas: Canvas, look: Look) -> None:
        self._canvas = canvas
        self._look = look
        self._block: Block | None = None
        self._held: str | None = ""
        self._fence: Fence | None = None
        self._head: str | None = None
        self._depth = 0
        self._flows_on = False
        self._opening = False
        self._in_list = 0
        self._gap = False
        self._begun = False

    def prepare(self) -> None:
        """Load what reads Markdown, 20 ms, before there is any."""
        inline("`prepared`", self._look.theme)

    def add(self, text: str) -> None:
        """Take in the next piece; it must be made visible before."""
        if "\n" not in text:
            self._piece(text)
            return
        *lines, last = text.split("\n")
        for line in lines:
            self._piece(line)
            self._line_ends()
        self._piece(last)

    def end(self) -> None:
        """Settle everything; the cursor is at the start of a row."""
        if self._held is not None:
            self._decide(self._held, over=True)
        self._no_table()
        self._end_block()
        self._held, self._fence = "", None

    def _piece(self, text: str) -> None:
        if self._held is not None:
            self._held += text
            self._decide(self._held, over=False)
        elif text and self._block is not None:
            self._block.feed(text)

    def _line_ends(self) -> None:
        if self._held is not None:
            self._decide(self._held, over=True)
        self._held = ""
        if self._opening:
            self._opening = False
        elif self._block is not None and not isinstance(self._block, Flow):
            self._block.break_line()

    def _take(self, text: str) -> None:
        """Give the block the beginning of a line, which is held no longer."""
        self._held = None
        if self._block is not None and text:
            self._block.feed(text)

    def _decide(self, line: str, *, over: bool) -> None:
        """Find out what a line belongs to, if enough of it is there."""
        quote = _QUOTES.match(line) if line.lstrip().startswith(">") else None
        depth = min(quote[0].count(">"), self._fence.depth if self._fence else 9) if quote is not None else 0
        inner = line[quote.end() :] if quote is not None else line
        if not over and quote is not None and not inner:
            return
        if self._fence is not None:
            self._in_code(inner if self._fence.depth else line, over=over)
        elif over and not inner.strip():
            self._blank(depth)
        elif inner.startswith("|") or (inner.lstrip().startswith("|") and depth == self._depth):
            self._may_be_table(inner, depth, over=over)
        else:
            self._plain_line(inner, depth, over=over)

    def _in_code(self, line: str, *, over: bool) -> None:
        fence = self._fence
        if fence is None or (not over and fence.may_be_closed_by(line)):
            return
        if over and fence.is_closed_by(line):
            self._end_block()
            self._fence, self._gap = None, True
            self._held = None
            return
        self._take(line)

    def _blank(self, depth: int) -> None:
        self._no_table()
        self._end_block()
        self._gap = True
        self._depth = depth
        self._held = None

    def _may_be_table(self, line: str, depth: int, *, over: bool) -> None:
        """Begin a table with its second line, and go on with it."""
        if not over:
            return
        if isinstance(self._block, Table):
            self._take(line)
        elif self._head is None:
            self._head, self._depth, self._held = line, depth, None
            self._end_block()
        elif is_rule(line):
            head, self._head = self._head, None
            self._space(always=True)
            self._block = Table(self._canvas, self._look, head, line, self._bars(depth))
            self._gap, self._held = True, None
        else:
            self._no_table()
            self._plain_line(line, depth, over=True)

    def _no_table(self) -> None:
        """Draw a line that could have been a table's head."""
        head, self._head = self._head, None
        if head is not None:
            self._begin_flow(Text(), "", self._depth)
            self._take(head)

    def _plain_line(self, line: str, depth: int, *, over: bool) -> None:
        bare = line.lstrip()
        indent = len(line) - len(bare)
        if not over and (_UNDECIDED.fullmatch(bare) or _FENCE_BEGINS.match(bare)):
            return
        self._no_table()
        if isinstance(self._block, Table):
            self._end_block()
        fence = _FENCE.fullmatch(bare)
        if fence is not None:
            self._open_fence(fence, indent, depth)
        elif over and _RULE.fullmatch(bare):
            self._rule(depth)
        elif over and self._flows_on and not bare.strip("= "):
            self._held = None  # underlines the line before, which is drawn
        elif heading := _HEADING.match(bare):
            self._heading(len(heading[1]), bare[heading.end() :], depth)
        elif item := _ITEM.match(bare):
            self._item(item, bare, indent, depth)
        elif indent >= _CODE and not self._in_list and not self._flows_on:
            self._indented(line, depth)
        else:
            self._paragraph(bare, indent, depth)

    def _open_fence(self, fence: re.Match[str], indent: int, depth: int) -> None:
        told = (fence[2] or fence[4] or "").strip()
        language = told.split(" ")[0]
        self._end_block()
        self._space(always=True)
        if told != language:  # a title, or what should have stood on a line of its own
            self._canvas.line(self._look.ansi(Text(self._bars(depth) + told, self._look.theme.mark)))
        self._fence = Fence(fence[1] or fence[3], depth)
        self._block = Code(self._canvas, self._look, language.lower(), indent, self._bars(depth))
        self._opening, self._held = True, None

    def _indented(self, line: str, depth: int) -> None:
        self._end_block()
        self._space()
        self._block = Code(self._canvas, self._look, "", _CODE, self._bars(depth))
        self._take(line)

    def _rule(self, depth: int) -> None:
        self._end_block()
        self._space()
        sign = "\u2500" if self._look.unicode else "-"
        width = min(self._canvas.width - 2 * depth, 40)
        self._canvas.line(self._look.ansi(Text(self._bars(depth) + sign * width, self._look.theme.mark)))
        self._held = None

    def _heading(self, level: int, text: str, depth: int) -> None:
        self._begin_flow(Text(), self._look.theme.heading + (" underline" if level == 1 else ""), depth)
        self._in_list = 0
        self._flows_on = False
        self._take(text)

    def _item(self, item: re.Match[str], bare: str, indent: int, depth: int) -> None:
        sign = item[1] if item[1][0].isdigit() else "\u2022" if self._look.unicode else "-"
        room = max(self._canvas.width // 2 - 2 * depth - len(sign) - 1, 0)
        lead = f"{' ' * min(indent, room)}{sign} "
        self._begin_flow(Text(lead, self._look.theme.mark), "", depth)
        self._in_list = indent + len(item[0])
        self._take(bare[item.end() :])

    def _paragraph(self, bare: str, indent: int, depth: int) -> None:
        if self._flows_on and isinstance(self._block, Flow) and depth == self._depth:
            self._block.break_line()
        else:
            self._in_list = self._in_list if indent else 0
            room = max(self._canvas.width // 2 - 2 * depth, 0)
            self._begin_flow(Text(" " * min(indent, room) if self._in_list else ""), "", depth)
        self._take(bare)

    def _begin_flow(self, lead: Text, style: str, depth: int) -> None:
        self._end_block()
        self._space()
        bars = Text(self._bars(depth), self._look.theme.mark)
        hang = bars + Text(" " * len(lead.plain))
        style = f"{style} {self._look.theme.quote}".strip() if depth else style
        self._block = Flow(self._canvas, self._look, bars + lead, hang, style)
        self._depth, self._flows_on = depth, True

    def _bars(self, depth: int) -> str:
        return ("\u2502 " if self._look.unicode else "| ") * min(depth, self._canvas.width // 6)

    def _end_block(self) -> None:
        if self._block is not None:
            self._block.end()
        self._block, self._flows_on = None, False

    def _space(self, *, always: bool = False) -> None:
        """Put a blank row before a block, where the source has one or the block must stand apart."""
        if self._begun and (self._gap or always):
            self._canvas.line()
        self._begun, self._gap = True, False
