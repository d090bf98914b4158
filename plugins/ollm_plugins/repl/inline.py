"""How do emphasis, code and links within a line look, and where may such a line be cut?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from ollm_plugins.repl.wrapping import WIDE

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from rich.text import Text

    from ollm_plugins.repl.look import Theme

_MARKED = re.compile(r"[*_`~\[\]<>&\\!]")
_SIGN = re.compile(rf"\\.|`+|\*+|_+|~~|\[|\]\(|\]|\(|\)|\s|[{WIDE}]", re.DOTALL)
_PLACE = re.compile(rf"[\s{WIDE}]")
_OPENS = {"strong_open": "strong", "em_open": "emphasis", "s_open": "struck", "link_open": "link"}


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough")


def inline(source: str, theme: Theme) -> Text:
    """Return a line of Markdown as styled text.

    :param source: made visible before
    """
    from rich.text import Text

    if not _MARKED.search(source):
        return Text(source)
    text = Text()
    lead = source[: len(source) - len(source.lstrip())]
    trail = source[len(source.rstrip()) :]
    text.append(lead)
    styles: list[str] = []
    for kind, words in _pieces(
        [each for token in _parser().parseInline(source.strip()) for each in token.children or ()]
    ):
        if kind == "text":
            text.append(words, " ".join(styles) or None)
        elif kind == "span":
            text.append(words, " ".join([*styles, theme.span]))
        elif kind == "close":
            styles.pop()
        else:
            styles.append(getattr(theme, kind))
    text.append(trail)
    return text


def _pieces(tokens: list[Any]) -> Iterator[tuple[str, str]]:
    """Yield what opens, what closes, and the words; a link's address follows it, unless it is the same."""
    links: list[tuple[str, str]] = []
    for token in tokens:
        if token.type == "link_open":
            links.append((str(token.attrGet("href") or ""), ""))
        if token.type in _OPENS:
            yield _OPENS[token.type], ""
            continue
        if token.type == "link_close":
            address, said = links.pop()
            yield "close", ""
            if address and said not in (address, address.removeprefix("mailto:")):
                yield "text", f" ({address})"
            continue
        if token.type.endswith("_close"):
            yield "close", ""
            continue
        words = _words(token)
        links[:] = [(address, said + words) for address, said in links]
        yield ("span" if token.type == "code_inline" else "text"), words


def _words(token: Any) -> str:
    if token.type == "image":
        return f"[{token.content}] ({token.attrGet('src')})"
    return " " if token.type in ("softbreak", "hardbreak") else str(token.content)


def has_place(text: str) -> bool:
    """Say whether a row could end within a text."""
    return " " in text or (not text.isascii() and _PLACE.search(text) is not None)


class Cut(Struct, frozen=True):
    """Where a line may be cut.

    :param at: an offset, just after a space or a letter of a script without spaces; 0 for nowhere
    :param open: the signs that are open there, the first one outermost
    """

    at: int
    open: tuple[str, ...] = ()


def cut_of(source: str) -> tuple[Cut, Cut]:
    """Return the last place where nothing is open, and the last place at all."""
    open_signs: list[str] = []
    safe = last = Cut(0)
    at = 0
    while (found := _SIGN.search(source, at)) is not None:
        sign, at = found[0], found.end()
        if _PLACE.match(sign):
            last = Cut(at, tuple(open_signs))
            safe = last if not open_signs else safe
        elif sign[0] == "`":
            end = source.find(sign, at)
            if end < 0:
                open_signs.append(sign)
                space = source.rfind(" ", at) + 1
                return safe, Cut(space, tuple(open_signs)) if space else last
            at = end + len(sign)
        else:
            _follow(sign, source, found, open_signs)
    return safe, last


def _follow(sign: str, source: str, found: re.Match[str], open_signs: list[str]) -> None:
    """Take a sign into account that is neither a space nor begins code."""
    before = source[found.start() - 1 : found.start()] or " "
    after = source[found.end() : found.end() + 1] or " "
    if sign[0] in "*_~":
        if sign in open_signs and not before.isspace():
            del open_signs[open_signs.index(sign) :]
        elif not after.isspace() and not (sign[0] == "_" and before.isalnum()):
            open_signs.append(sign)
    elif sign in ("[", "("):
        if sign == "[" or "](" in open_signs:
            open_signs.append(sign)
    elif sign == "](" and "[" in open_signs:
        del open_signs[_last(open_signs, "[") :]
        open_signs.append(sign)
    elif sign == "]" and "[" in open_signs:
        del open_signs[_last(open_signs, "[") :]
    elif sign == ")" and "](" in open_signs:
        nearest = max(_last(open_signs, "("), _last(open_signs, "]("))
        del open_signs[nearest:]


def _last(signs: list[str], sign: str) -> int:
    return max((at for at, each in enumerate(signs) if each == sign), default=-1)


def halves(source: str, cut: Cut) -> tuple[str, str]:
    """Cut a line in two, with what is open there closed in the first and opened again in the second."""
    signs = [sign for sign in cut.open if sign[0] in "*_~`"]
    first, second = source[: cut.at], source[cut.at :]
    if not signs:
        return first, second
    kept = first.rstrip()
    return f"{kept}{''.join(reversed(signs))}{first[len(kept) :]}", f"{''.join(signs)}{second}"
