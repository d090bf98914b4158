"""How does a page of HTML become text that a model can read?

This is a program of its own, run with the page as its input: a page that takes too long, or too much memory, can be ended
without harm to anybody. It imports nothing of ollm.
"""
# ruff: noqa: TID253  (nothing else happens here)

from __future__ import annotations

import json
import re
import sys
import warnings
from typing import Any
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter

NOISE = (
    *(
        "script",
        "style",
        "template",
        "noscript",
        "svg",
        "canvas",
        "iframe",
        "object",
        "embed",
        "head",
        "title",
        "nav",
        "footer",
    ),
    *("button", "input", "select", "textarea", "dialog", "audio", "video"),
)
UNSEEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)|(font-size|opacity)\s*:\s*(0+(\.0*)?|\.0+)(?![.\d])"
    r"|(?<![\w-])(text-indent|left|top|right)\s*:\s*-\d{3,}|margin-(left|top)\s*:\s*-\d{4,}|\bscale\w*\(\s*0\s*[,)]",
    re.IGNORECASE,
)
"""What browsers do not show is not told to models: it is where instructions are hidden from the user."""

COMMENT = re.compile(r"/\*[^*]*\*+(?:[^/*][^*]*\*+)*/")
"""Of CSS; one may stand in the middle of a declaration."""

NO_CHARSETS = (
    *("idna", "punycode", "raw-unicode-escape", "raw_unicode_escape", "unicode-escape", "unicode_escape"),
    *("utf-16", "utf-7"),
)
"""What a page cannot say of itself: browsers know of no such charset, or would not see it in a page that has it."""

LEAST_MAIN = 200
"""Characters that a page's main part must have; below, the whole page is taken."""

MEMORY = 1 << 30
"""Bytes that this program may take."""

PROCESSOR = 60
"""Seconds of processor time that it may take, should nobody be left to end it."""


_BLOCKS = (
    *(
        "address",
        "article",
        "aside",
        "blockquote",
        "center",
        "details",
        "dir",
        "div",
        "dl",
        "fieldset",
        "figure",
        "footer",
    ),
    *("form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "main", "menu", "nav", "ol", "p", "pre", "section"),
    *("table", "ul"),
)
_AROUND_P = frozenset((*_BLOCKS, "li", "dd", "dt", "td", "th", "caption", "button", "object")) - {"p"}
IMPLIED: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    **dict.fromkeys(_BLOCKS, (("p",), _AROUND_P)),
    "li": (("li",), frozenset(("ul", "ol", "menu"))),
    **dict.fromkeys(("dt", "dd"), (("dt", "dd"), frozenset(("dl",)))),
    **dict.fromkeys(("td", "th"), (("td", "th"), frozenset(("tr", "table")))),
    **dict.fromkeys(("tr", "tbody", "tfoot", "thead"), (("tr",), frozenset(("table",)))),
}
"""Which tags end others that are still open, and around which they do not: HTML lets authors leave out `</p>`, `</li>` …"""


class Soup(BeautifulSoup):
    """A page whose elements end where HTML says that they do; the parser of Python's library would nest them."""

    def handle_starttag(self, name: str, *rest: Any, **more: Any) -> Any:
        """End what a tag ends."""
        ended, around = IMPLIED.get(name, ((), frozenset()))
        for depth, tag in enumerate(reversed(self.tagStack) if ended else (), start=1):
            if tag.name in ended:
                self.endData()
                for _ in range(depth):
                    self.popTag()
            if tag.name in ended or tag.name in around:
                break
        return super().handle_starttag(name, *rest, **more)


class Converter(MarkdownConverter):
    """Markdown without pictures."""

    def convert_img(self, el: Tag, text: str, parent_tags: Any) -> str:  # noqa: ARG002  (as it is called)
        """Return what a picture is said to show."""
        alt = str(el.get("alt") or "").strip()
        return f"[picture: {alt}]" if alt else ""


def main() -> None:
    """Read HTML and write a JSON object: title, text, characters (of the whole text), plain (only its words)."""
    base, charset, limit = sys.argv[1:]
    _bound()
    warnings.simplefilter("ignore")
    page = read(sys.stdin.buffer.read(), base, charset)
    page["characters"] = len(page["text"])
    page["text"] = page["text"][: int(limit)]
    sys.stdout.buffer.write(json.dumps(page).encode("ascii"))


def read(html: bytes, base: str, charset: str) -> dict[str, Any]:
    """Return title and text of a page.

    :param base: its address, to which its links are relative
    :param charset: what its server says; empty if it does not
    """
    soup = Soup(html, "html.parser", from_encoding=charset or None, exclude_encodings=NO_CHARSETS)
    title = " ".join(soup.title.get_text(" ").split()) if soup.title else ""
    for tag in soup.find_all(lambda tag: tag.name in NOISE or _is_unseen(tag)):
        tag.decompose()
    for tag in soup.find_all("a"):
        _make_absolute(tag, base)
    part = _main_part(soup)
    try:
        text = Converter(
            heading_style="ATX", bullets="-", escape_asterisks=False, escape_underscores=False
        ).convert_soup(part)
    except RecursionError:
        return {"title": title, "text": _tidy(part.get_text("\n")), "plain": True}
    return {"title": title, "text": _tidy(text), "plain": False}


def _is_unseen(tag: Tag) -> bool:
    style = COMMENT.sub("", str(tag.get("style", "")))
    return tag.has_attr("hidden") or str(tag.get("aria-hidden")).lower() == "true" or bool(UNSEEN.search(style))


def _make_absolute(tag: Tag, base: str) -> None:
    """Make a link whole; one that leads to no page becomes its text."""
    try:
        href = urljoin(base, str(tag.get("href", "")))
    except ValueError:
        href = ""
    if href.startswith(("http://", "https://")) and href.partition("#")[0] != base:
        tag["href"] = href
    else:
        del tag["href"]


def _main_part(soup: BeautifulSoup) -> Tag:
    for found in (soup.find("main"), soup.find(lambda tag: tag.get("role") == "main"), soup.find("article")):
        if isinstance(found, Tag) and len(found.get_text()) >= LEAST_MAIN:
            return found
    return soup


def _tidy(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _bound() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))


if __name__ == "__main__":
    main()
