"""What of a page is told to a model?"""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import re
import sys
import unicodedata
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import OllmError, UsageError, is_unseen
from ollm_plugins.web.fetch import Page

_HTML: Final = ("text/html", "application/xhtml+xml")
_TEXTS: Final = (
    *("application/json", "application/xml", "application/javascript", "application/ecmascript", "application/yaml"),
    *("application/x-yaml", "application/toml", "application/sql", "application/x-sh", "application/x-ndjson"),
)
_TITLE: Final = 300
"""Characters of a title."""

_KIND: Final = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,80}", re.ASCII)
"""What a media type can be; anything else is a server's own words, which could pose as the tool's."""

_NO_CHARSETS: Final = ("idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf_7")
"""Codecs of Python that are no charset of any page, nor browsers'; some take quadratic time."""

_MEANT_BY: Final = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
}
"""What browsers read pages in that say another charset, which has fewer characters."""

_CHARSET: Final = re.compile(r"(?:charset|encoding)\s*=\s*[\"']?([\w.:+-]+)", re.ASCII | re.IGNORECASE)

_DECLARED: Final = re.compile(
    r"<(?:meta|\?xml)\b[^>]*?(?:charset|encoding)\s*=\s*[\"']?[\w.:+-]+", re.ASCII | re.IGNORECASE
)


class Text(Struct, frozen=True):
    """A page as text.

    :param characters: how many it has in all; `text` may be less
    :param plain: whether it is only the words of a page that could not be converted
    """

    text: str
    characters: int
    title: str = ""
    plain: bool = False


async def text_of(page: Page, limit: int, *, raw: bool) -> Text:
    """Return the text of a page.

    :param limit: characters of it, at most
    :param raw: whether HTML is to stay as it is
    :raises UsageError: it is no text
    :raises OllmError: it cannot be read
    """
    kind = page.kind.partition(";")[0].strip().lower()
    body, charset = _narrow(page.body, _charset(page.kind))
    begins = body[:512].lstrip().lower()
    if not kind and b"\0" not in body[:4096]:
        kind = "text/html" if begins.startswith((b"<!doctype html", b"<html")) else "text/plain"
    if not (kind.startswith("text/") or kind in (*_HTML, *_TEXTS) or kind.endswith(("+json", "+xml"))):
        named = kind if _KIND.fullmatch(kind) else "of no known kind"
        raise UsageError(f"{page.address.url} is {named}, which is no text", "Fetch another page.")
    if not charset and (kind in _HTML or kind.endswith("xml")):
        declared = _DECLARED.search(body[:1024].decode("ascii", "replace"))
        charset = _charset(declared[0]) if declared else ""
        charset = "" if charset.startswith(("utf-16", "utf-32")) else charset  # it could not be read here if it were so
    if kind in _HTML and not raw:
        found = await _converted(page.address.url, body, charset, limit)
        title = " ".join(_seen(found.title).split())[:_TITLE]
        return _shown(found.text, found.characters - len(found.text), title, plain=found.plain)
    text = body.decode(charset or "utf-8", "replace")
    return _shown(text[:limit], len(text[limit:]))


def _shown(text: str, more: int, title: str = "", *, plain: bool = False) -> Text:
    """Return a text without what cannot be seen, which does not count as missing.

    :param more: how many characters there are beyond it
    """
    seen = _seen(text)
    return Text(seen, len(seen) + more, title, plain)


def _charset(words: str) -> str:
    """Return the charset that a media type or the beginning of a page names, if it is one, as browsers understand it."""
    named = _CHARSET.search(words)
    try:
        name = codecs.lookup(named[1]).name if named else ""
        b"x".decode(name or "ascii", "replace")  # some codecs make no text
    except (LookupError, UnicodeError):
        return ""
    return "" if name.replace("-", "_") in _NO_CHARSETS else _MEANT_BY.get(name, name)


def _narrow(body: bytes, charset: str) -> tuple[bytes, str]:
    """Return a page in a charset of which ASCII is a part, so that its tags are found; and that charset, if it is certain.

    Its byte order mark counts more than what its server says, and so do the zeros that no other charset has.
    """
    marks = (mark for mark in _MARKS if body.startswith(mark))
    wide = next((_MARKS[mark] for mark in marks), "") or _of_two_bytes(body[:512])
    return (body.decode(wide, "replace").encode("utf-8", "replace"), "utf-8") if wide else (body, charset)


_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # which begins as UTF-16 does
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def _of_two_bytes(begins: bytes) -> str:
    """Return the charset of a page without a mark whose letters are each followed, or preceded, by a zero."""
    first, second = begins[::2], begins[1::2]
    if len(second) < 2:  # noqa: PLR2004  (of one letter it cannot be told)
        return ""
    if 2 * second.count(0) > len(second) and not first.count(0):
        return "utf-16-le"
    return "utf-16-be" if 2 * first.count(0) > len(first) and not second.count(0) else ""


async def _converted(url: str, html: bytes, charset: str, limit: int) -> Text:
    """Have HTML converted by a program of its own, which ends with this.

    :raises OllmError: it failed
    """
    pipe = asyncio.subprocess.PIPE
    words = [sys.executable, "-P", str(Path(__file__).with_name("readable.py")), url, charset, str(limit)]
    environ = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    environ["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if Path(each).is_absolute())  # as it is here
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe, env=environ)
    try:
        out, said = await process.communicate(html)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise OllmError(f"{url} could not be read ({last or process.returncode})", "Ask for it with raw.")
    found = json.loads(out)
    return Text(found["text"], found["characters"], found["title"], found["plain"])


def _seen(text: str) -> str:
    """Return text without what cannot be seen, where instructions may hide from the user. Spaces of any width stay."""
    return _RUN.sub("", text.translate(dict.fromkeys(ord(each) for each in set(text) if _hides(each))))


def _hides(character: str) -> bool:
    kind = unicodedata.category(character)[0]
    return character not in _MEANT and (kind == "C" or (kind != "Z" and is_unseen(character)))


_MEANT: Final = "\n\t\u200c\u200d\ufe0f"
"""Characters that cannot be seen and have a meaning: in some scripts, and in emoji."""

_RUN: Final = re.compile("[\u200c\u200d\ufe0f]{3,}")
"""More of them than any script puts in a row: enough to write a message with."""
