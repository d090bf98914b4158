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

_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([\w.:+-]+)", re.ASCII | re.IGNORECASE)


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
    charset = _charset(page.kind)
    begins = page.body[:512].lstrip().lower()
    if not kind and b"\0" not in page.body[:4096]:
        kind = "text/html" if begins.startswith((b"<!doctype html", b"<html")) else "text/plain"
    if not (kind.startswith("text/") or kind in (*_HTML, *_TEXTS) or kind.endswith(("+json", "+xml"))):
        named = kind if _KIND.fullmatch(kind) else "of no known kind"
        raise UsageError(f"{page.address.url} is {named}, which is no text", "Fetch another page.")
    if kind in _HTML and not raw:
        found = await _converted(page, charset, limit)
        title = " ".join(_seen(found.title).split())[:_TITLE]
        return _shown(found.text, found.characters - len(found.text), title, plain=found.plain)
    text = page.body.decode(charset or _marked(page.body), "replace")
    return _shown(text[:limit], len(text[limit:]))


def _shown(text: str, more: int, title: str = "", *, plain: bool = False) -> Text:
    """Return a text without what cannot be seen, which does not count as missing.

    :param more: how many characters there are beyond it
    """
    seen = _seen(text)
    return Text(seen, len(seen) + more, title, plain)


def _charset(kind: str) -> str:
    """Return the charset that a media type names, if it is one."""
    named = _CHARSET.search(kind)
    try:
        name = codecs.lookup(named[1]).name if named else ""
        b"x".decode(name or "ascii", "replace")  # some codecs make no text
    except (LookupError, UnicodeError):
        return ""
    return "" if name.replace("-", "_") in _NO_CHARSETS else name


def _marked(body: bytes) -> str:
    """Return the encoding that a byte order mark says, else UTF-8."""
    return "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"


async def _converted(page: Page, charset: str, limit: int) -> Text:
    """Have HTML converted by a program of its own, which ends with this.

    :raises OllmError: it failed
    """
    pipe = asyncio.subprocess.PIPE
    words = [sys.executable, "-P", str(Path(__file__).with_name("readable.py")), page.address.url, charset, str(limit)]
    environ = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    environ["PYTHONPATH"] = os.pathsep.join(each for each in sys.path if Path(each).is_absolute())  # as it is here
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, stderr=pipe, env=environ)
    try:
        out, said = await process.communicate(page.body)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise OllmError(f"{page.address.url} could not be read ({last or process.returncode})", "Ask for it with raw.")
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
