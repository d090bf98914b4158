"""Where was something said?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer
from msgspec import Struct

from ollm.api import CommandContext, Json, UsageError, visible
from ollm_plugins.sessions import readable, reading
from ollm_plugins.sessions.kept import iso, project_of, text_of
from ollm_plugins.sessions.listing import MOST, ago
from ollm_plugins.sessions.meaning import shown
from ollm_plugins.sessions.service import sessions_of

if TYPE_CHECKING:
    from sqlite3 import Connection

_TERM = re.compile(r'"([^"]*)"?|(\S+)')
_WHOLE = """
SELECT t.session, s.title, t.id, t.at, m.role, highlight(words, 0, ?1, ?2), s.project
FROM words JOIN messages m ON m.key=words.rowid JOIN turns t ON t.key=m.turn JOIN sessions s ON s.id=t.session
WHERE words MATCH ?3 AND t.gone=0 AND t.copied=0 AND ?4 IN ('', s.project) ORDER BY {order} LIMIT ?5"""
_RANKED, _LATEST = _WHOLE.format(order="rank"), _WHOLE.format(order="t.key DESC, m.number")
_EVERY = """
SELECT t.session, s.title, t.id, t.at, m.role, m.content, s.project
FROM turns t JOIN sessions s ON s.id=t.session JOIN messages m ON m.turn=t.key
WHERE t.gone=0 AND t.copied=0 AND ? IN ('', s.project) ORDER BY t.key DESC, m.number"""
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""A character of a language that writes its words without spaces, or joins others to them: Thai, Chinese, Korean …"""
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"
WIDTH = 160
"""Characters of a line that are shown around a hit."""


class Hit(Struct, frozen=True):
    """A message in which something was found.

    :param line: the first line with a hit in it
    :param number: of that line in the message, from 1
    :param spans: where in the line the hits are: first character, and the one behind the last
    """

    session: str
    title: str
    turn: str
    at: float
    role: str
    project: str
    line: str
    number: int
    spans: tuple[tuple[int, int], ...]


def search(
    ctx: CommandContext,
    query: Annotated[list[str], typer.Argument(help='Words, beginnings (word*), "a phrase".', metavar="QUERY…")],
    *,
    here: Annotated[bool, typer.Option("--here", help="Only in sessions of this project.")] = False,
    latest: Annotated[bool, typer.Option("--latest", help="The latest first, not the best.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MOST, help="How many messages.")] = 20,
    as_json: Json = False,
) -> None:
    """Search in prompts, answers and what tools returned; all words must be in one message."""
    service = sessions_of(ctx.app.context)
    text = _joined(query)
    project = project_of(text_of(ctx.app.workspace)) if here else ""
    hits = service.read(lambda connection: found(connection, text, project, limit, latest=latest), ())
    names = shown(service.read(reading.ids, ()))
    if as_json:
        ctx.out.document([_described(each) for each in hits])
        return
    for hit in hits:
        ctx.out.prose(f"{names.get(hit.session, hit.session)} · {ago(hit.at)} · {hit.role} · {hit.title}")
        ctx.out.stdout.write(f"    {marked(hit, BOLD, PLAIN) if ctx.out.color else marked(hit, '', '')}\n")
    if not hits:
        ctx.out.print("Nothing was found")


def _joined(words: Sequence[str]) -> str:
    """Put together what the shell has split: a word with a space in it was quoted, so it is a phrase."""
    return " ".join(f'"{word}"' if " " in word and '"' not in word and len(words) > 1 else word for word in words)


def found(connection: Connection, text: str, project: str, limit: int, *, latest: bool) -> list[Hit]:
    """Return the messages that hold all words; where none does, or words cannot be told apart, wherever these stand.

    :raises UsageError: there is nothing to search for
    """
    mark = uuid4().hex  # nothing that was said holds it
    before, after = f"<{mark}", f"{mark}>"
    query = matching(text)
    rows: Iterable[Sequence[Any]] = ()
    if not _UNSPACED.search(text):
        values = (before, after, query, project, limit)
        rows = connection.execute(_LATEST if latest else _RANKED, values).fetchall()
    rows = rows or islice(_holding(connection, text, project, before, after), limit)
    return [_hit(row, before, after) for row in rows]


def _holding(connection: Connection, text: str, project: str, before: str, after: str) -> Iterator[Sequence[Any]]:
    """Yield the messages that hold all that was typed, also in the middle of words, the latest first."""
    terms = {phrase.strip() or word.rstrip("*") or word for phrase, word in _TERM.findall(text)} - {""}
    each = [re.compile(re.escape(term), re.IGNORECASE) for term in terms]
    every = re.compile("|".join(map(re.escape, sorted(terms, key=len, reverse=True))), re.IGNORECASE)
    for row in connection.execute(_EVERY, (project,)):
        said = readable.text(row[5])
        if all(term.search(said) for term in each):
            yield *row[:5], every.sub(lambda hit: f"{before}{hit[0]}{after}", said), row[6]


def matching(text: str) -> str:
    """Return what a user typed as a query of FTS5, in which nothing of it is an operator.

    :raises UsageError: there is nothing to search for
    """
    terms = []
    for phrase, word in _TERM.findall(text.replace("\0", " ")):
        plain = (phrase or word).strip()
        start = bool(word) and plain.endswith("*")
        if re.search(r"\w", plain):
            terms.append('"{}"{}'.format(plain.rstrip("*" if start else "").replace('"', '""'), "*" if start else ""))
    if not terms and not text.replace('"', "").strip():
        raise UsageError("There is nothing to search for", "Give a word, as in `session search parser`.")
    return " ".join(terms) or '""'


def _hit(row: Sequence[Any], before: str, after: str) -> Hit:
    session, title, turn, at, role, said, project = row
    lines = readable.text(said).split("\n")
    number = next((at for at, line in enumerate(lines) if before in line), 0)
    line, spans = _unmarked(lines[number], before, after)
    title, turn, role, project = (readable.text(each) for each in (title, turn, role, project))
    return Hit(session, title, turn, readable.moment(at), role, project, line, number + 1, tuple(spans))


def _unmarked(line: str, before: str, after: str) -> tuple[str, list[tuple[int, int]]]:
    plain, spans = "", []
    for at, part in enumerate(line.split(before)):
        hit, mark, rest = part.partition(after)
        if at:
            spans.append((len(plain), len(plain) + len(hit)))
        plain += hit + rest
        del mark
    return plain, spans


def marked(hit: Hit, before: str, after: str) -> str:
    """Return the hit's line, cut to what is around the first hit, with each hit between two marks."""
    first = max(0, hit.spans[0][0] - WIDTH // 3) if hit.spans and len(hit.line) > WIDTH else 0
    last = first + WIDTH
    return "".join(_pieces(hit, first, last, before, after))


def _pieces(hit: Hit, first: int, last: int, before: str, after: str) -> Iterator[str]:
    at = first
    yield "\u2026" if first else ""
    for start, end in hit.spans:
        if start >= last:
            break
        yield visible(hit.line[at:start])
        yield f"{before}{visible(hit.line[start:end])}{after}"
        at = end
    yield visible(hit.line[at : max(last, at)])
    yield "\u2026" if last < len(hit.line) else ""


def _described(hit: Hit) -> dict[str, Any]:
    return {
        "session": hit.session,
        "title": hit.title,
        "turn": hit.turn,
        "at": iso(hit.at),
        "role": hit.role,
        "project": hit.project,
        "line": hit.line,
        "lineNumber": hit.number,
        "hits": [{"start": start, "end": end} for start, end in hit.spans],
    }
