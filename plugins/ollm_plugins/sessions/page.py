"""How does a session look as a page of HTML that needs nothing else?"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape

from ollm.api import Message
from ollm_plugins.sessions.kept import KeptSession, KeptTurn, encoded, when
from ollm_plugins.sessions.markdown import ended, kind_of

_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1c; --back: #fff; --soft: #f1f1ee; --dim: #666; --edge: #d8d8d4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e4; --back: #191919; --soft: #262626; --dim: #a0a09c; --edge: #3a3a38; } }
body { max-width: 48rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.55 system-ui, sans-serif;
  color: var(--text); background: var(--back); }
h1 { font-size: 1.4rem; } header p, .who, .end { color: var(--dim); font-size: .85rem; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; }
.user { background: var(--soft); border-radius: .6rem; padding: .7rem 1rem; margin-top: 1.6rem; }
details { border: 1px solid var(--edge); border-radius: .4rem; padding: .3rem .7rem; margin: .5rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; } img { max-width: 100%; }
"""


def page(session: KeptSession, turns: Sequence[KeptTurn]) -> str:
    """Return a session as a page; all that was said stands in it as text."""
    return "\n".join(_lines(session, turns)) + "\n"


def _lines(session: KeptSession, turns: Sequence[KeptTurn]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield f"<title>{escape(session.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<header><h1>{escape(session.title)}</h1>"
    yield f"<p>{when(session.created)} · {escape(session.folder)} · {escape(session.id)}</p></header>\n<main>"
    for turn in turns:
        for message in turn.messages:
            yield from _message(message, turn)
        yield from (f'<p class="end">{escape(text)}</p>' for text in ended(turn))
    yield "</main>\n</body>\n</html>"


def _message(message: Message, turn: KeptTurn) -> Iterator[str]:
    text = escape(message.content)
    if message.role == "user":
        yield f'<section class="user said">{text}</section>'
        for image in message.images:
            yield f'<img alt="image" src="data:{kind_of(image)};base64,{b64encode(image).decode()}">'
        return
    if message.role == "tool":
        yield _folded(f"{message.tool_name} returned", message.content)
        return
    yield f'<p class="who">{escape(turn.model)}</p>'
    if message.thinking:
        yield _folded("Thoughts", message.thinking)
    if message.content:
        yield f'<section class="said">{text}</section>'
    for call in message.tool_calls:
        yield _folded(f"calls {call.name}", encoded(call.arguments))


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{escape(summary)}</summary><pre>{escape(text)}</pre></details>"
