"""How does a session look as Markdown?"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence

from ollm.api import Message, fenced
from ollm_plugins.sessions.kept import KeptSession, KeptTurn, encoded, when

_LINE_END = re.compile(r"\r\n?|\n")
"""What ends a line of Markdown, and nothing else does (CommonMark 0.31, section 2.1)."""
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_RAW = (
    (
        re.compile(r" {0,3}<(?:script|pre|style|textarea)(?:[\s>]|$)", re.IGNORECASE),
        re.compile(r"</(script|pre|style|textarea)>", re.IGNORECASE),
        "</pre>",
    ),
    (re.compile(r" {0,3}<!--"), re.compile("-->"), "-->"),
    (re.compile(r" {0,3}<\?"), re.compile(r"\?>"), "?>"),
    (re.compile(r" {0,3}<!\[CDATA\["), re.compile(r"\]\]>"), "]]>"),
    (re.compile(r" {0,3}<![A-Za-z]"), re.compile(">"), ">"),
)
"""How HTML in Markdown begins that only its own end ends, how it ends, and what ends it (CommonMark 0.31, section 4.6)."""
_PNG = b"\x89PNG"


def markdown(session: KeptSession, turns: Sequence[KeptTurn]) -> str:
    """Return a session as Markdown: prompts as quotations, answers as they are, tools in code fences."""
    return "\n\n".join(_parts(session, turns)) + "\n"


def _parts(session: KeptSession, turns: Sequence[KeptTurn]) -> Iterator[str]:
    yield f"# {one_line(session.title)}"
    yield f"{when(session.created)} · {one_line(session.folder)} · session {session.id}"
    for turn in turns:
        for message in turn.messages:
            yield from _message(message, turn)
        yield from (f"*{one_line(text)}*" for text in ended(turn))


def ended(turn: KeptTurn) -> Iterator[str]:
    """Say what there is to say of a turn beside what was said in it."""
    yield from turn.details.get("notices") or ()
    if turn.reason not in ("stop", "earlier"):
        yield f"The answer ended: {turn.reason or 'cut'}."


def _message(message: Message, turn: KeptTurn) -> Iterator[str]:
    if message.role == "user":
        yield "\n".join(f"> {line}".rstrip() for line in message.content.splitlines() or [""])
        yield from (f"![image](data:{kind_of(each)};base64,{b64encode(each).decode()})" for each in message.images)
        return
    if message.role == "tool":
        yield f"**{one_line(message.tool_name)}** returned:"
        yield fenced(message.content.rstrip())
        return
    yield f"**{one_line(turn.model)}**"
    if message.thinking:
        yield "Thoughts:"
        yield fenced(message.thinking.rstrip())
    if message.content:
        yield closed(message.content)
    for call in message.tool_calls:
        yield f"calls **{one_line(call.name)}**:"
        yield fenced(encoded(call.arguments), "json")


def closed(text: str) -> str:
    """Return Markdown in which every code fence and every piece of HTML ends, so that it cannot swallow what follows."""
    ends: re.Pattern[str] | None = None
    closer = ""
    for line in _LINE_END.split(text):
        if ends is None:
            ends, closer = _begun(line)
        elif ends.search(line):
            ends = None
    body = text.strip("\n")
    return f"{body}\n{closer}" if ends is not None else body


def _begun(line: str) -> tuple[re.Pattern[str] | None, str]:
    """Return what ends that which begins in a line and goes on behind it, and what to write for its end."""
    found = _FENCE.match(line)
    if found is not None:
        fence, more = found.groups()
        is_one = "`" not in more or fence[0] == "~"
        return (re.compile(f"^ {{0,3}}{fence[0]}{{{len(fence)},}}[ \\t]*$"), fence) if is_one else (None, "")
    for begins, ends, closer in _RAW:
        begin = begins.match(line)
        if begin is not None:
            return (None, "") if ends.search(line) else (ends, closer)
    return None, ""


def one_line(text: str) -> str:
    """Return text in one line, as words and not as marks of Markdown."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(text.split()))


def kind_of(image: bytes) -> str:
    """Return the media type of an image."""
    return "image/png" if image.startswith(_PNG) else "image/jpeg"
