"""Which session is meant by a word?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from os.path import commonprefix
from typing import TYPE_CHECKING, Annotated

from ollm.api import (
    CommandContext,
    Completes,
    CompletionContext,
    Conversation,
    HostContext,
    UsageError,
    nearest,
    visible,
)
from ollm_plugins.sessions import reading
from ollm_plugins.sessions.kept import KeptSession
from ollm_plugins.sessions.service import Sessions, sessions_of

if TYPE_CHECKING:
    from sqlite3 import Connection

SHORTEST = 4
"""Letters of an id that are enough, if only one begins with them; fewer digits are a number in the list."""
SHOWN = 6
"""Letters of an id that are shown, if only one begins with them."""
COMPLETED = 50
"""Sessions that are offered while one is typed."""

Meant = Annotated[str, Completes("session")]


def meant(ctx: CommandContext, word: str) -> KeptSession:
    """Return the session that a word means: "last", "this", a number in the list, the beginning of an id, or of a title.

    :param word: empty: the one under way, else the last one
    :raises UsageError: there is none, or more than one
    """
    return find(sessions_of(ctx.app.context), word, ctx.conversation)


def find(service: Sessions, word: str, conversation: Conversation | None = None) -> KeptSession:
    """Return the session that a word means; see `meant`.

    :raises UsageError: there is none, or more than one
    """
    this = service.recorder.where(conversation.id) if conversation is not None else ""

    def look(connection: Connection) -> KeptSession | None:
        identity = _identity(connection, word, this)
        return reading.session(connection, identity) if identity else None

    found = service.read(look, None)
    if found is None:
        raise _nothing(word, conversation)
    return found


def _nothing(word: str, conversation: Conversation | None) -> UsageError:
    if word == "this" and conversation is None:
        return UsageError("In the shell no conversation is under way", "`last` means the last one.")
    if word == "this":
        return UsageError("Nothing of this conversation is kept yet")
    return UsageError("No session is kept yet", "Each conversation is, unless sessions.save is false.")


def _identity(connection: Connection, word: str, this: str) -> str:
    """Return the id that a word means; empty for none.

    :raises UsageError: there is none, or more than one
    """
    known = reading.ids(connection)
    if word == "this" or (not word and this in known):
        return this if this in known else ""
    if not known:
        return ""
    if word in ("", "last"):
        held = reading.last_held(connection, but=this)
        return held or next((each for each in known if each != this), known[0])
    if word.isdecimal() and len(word) < SHORTEST:
        return _numbered(known, int(word)) or _one(word, _titled(connection, word), connection)
    found = [each for each in known if each.startswith(word.lower())] if len(word) >= SHORTEST else []
    return _one(word, found or _titled(connection, word), connection)


def _numbered(known: Sequence[str], number: int) -> str:
    """Return the id at a place in the list; empty where there is no such place."""
    return known[number - 1] if 0 < number <= len(known) else ""


def _titled(connection: Connection, word: str) -> list[str]:
    """Return the sessions with a title; if there are none, those whose title begins so."""
    wanted = word.casefold()
    titles = [(identity, title.casefold()) for identity, title in reading.titles(connection)]
    same = [identity for identity, title in titles if title == wanted]
    return same or [identity for identity, title in titles if wanted and title.startswith(wanted)]


def _one(word: str, found: Sequence[str], connection: Connection) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(each[:12] for each in found[:4])
        raise UsageError(f"'{visible(word)}' could be {len(found)} sessions: {some}", "Write more of its id.")
    every = reading.titles(connection)
    if word.isdecimal() and len(word) < SHORTEST:
        raise UsageError(f"There is no session number {word}", f"`ollm session list` numbers them, 1 to {len(every)}.")
    near = nearest(word, [*(title for _, title in every), *(each[: max(SHOWN, len(word))] for each, _ in every)])
    raise UsageError(f"There is no session '{visible(word)}'{near}", "`ollm session list` lists them.")


def shown(known: Iterable[str]) -> dict[str, str]:
    """Return, for each id, its shortest beginning that no other one has.

    :param known: all ids
    """
    ordered = sorted(known)
    shared = [0, *(len(commonprefix(pair)) for pair in pairwise(ordered)), 0]  # noqa: RUF071  (letters are meant)
    lengths = map(max, shared, shared[1:])
    return {each: each[: max(SHOWN, length + 1)] for each, length in zip(ordered, lengths, strict=False)}


def short(host: HostContext, identity: str) -> str:
    """Return an id as it is shown; whole where another program has deleted the session meanwhile."""
    return shown(sessions_of(host).read(reading.ids, ())).get(identity, identity)


def complete(ctx: CompletionContext) -> list[tuple[str, str]]:
    """Return the sessions that could be meant, the last one first."""
    every = sessions_of(ctx.host).read(reading.titles, ())
    least = shown(identity for identity, _ in every)
    typed = ctx.typed.lower()
    found = [each for each in every if each[0].startswith(typed) or typed in each[1].lower()]
    return [(_offered(identity, least[identity], typed), title) for identity, title in found[:COMPLETED]]


def _offered(identity: str, least: str, typed: str) -> str:
    """Return an id as it is shown, or as far as it is typed: what is shorter than that would not complete it."""
    return identity[: max(len(least), len(typed))] if identity.startswith(typed) else least
