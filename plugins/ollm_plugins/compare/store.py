"""Where are comparisons kept?

In `comparisons.db` of ollm's folder, SQLite in WAL mode. Beside each comparison stand sums, brought up to date in the same
transaction: of judgements by profile and pair, and of speeds by model. What is reckoned from them costs the same however
many comparisons there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from ollm.api import Notice, OllmError, UsageError, replace, visible
from ollm_plugins.compare.database import Database
from ollm_plugins.compare.results import ENDED, Choice, Compared

if TYPE_CHECKING:
    import sqlite3

    from ollm.api import HostContext

_ADD_PAIR: Final = """
INSERT INTO pair VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    wins_a = wins_a + excluded.wins_a, wins_b = wins_b + excluded.wins_b, ties = ties + excluded.ties
"""
_ADD_TALLY: Final = """
INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    shown = shown + excluded.shown, wins = wins + excluded.wins, ties = ties + excluded.ties, bad = bad + excluded.bad,
    failed = failed + excluded.failed, tokens = tokens + excluded.tokens, seconds = seconds + excluded.seconds,
    firsts = firsts + excluded.firsts, first_seconds = first_seconds + excluded.first_seconds
"""

_MOST: Final = 2**63 - 1
"""The largest number of SQLite."""


class Line(Struct, frozen=True):
    """A comparison as a list shows it."""

    id: int
    at: str
    profile: str
    prompt: str
    models: tuple[str, ...]
    blind: bool
    choice: Choice
    winner: int | None


class Pair(Struct, frozen=True):
    """All judgements between two models in a profile."""

    profile: str
    a: str
    b: str
    wins_a: int
    wins_b: int
    ties: int


class Tally(Struct, frozen=True):
    """What is known of one model in a profile.

    :param shown: comparisons that were judged and in which it had answered
    :param bad: those of them in which no answer was any good
    :param failed: answers that failed; not those that the user has ended
    :param tokens: of all answers whose generation was timed, and the seconds that they took
    :param first_seconds: to the first text without loading, of so many answers: `firsts`
    """

    profile: str
    model: str
    shown: int
    wins: int
    ties: int
    bad: int
    failed: int
    tokens: int
    seconds: float
    firsts: int
    first_seconds: float


class Store:
    """The comparisons of one user.

    :param goes_on: is asked while another process writes; False gives up waiting for it
    """

    def __init__(self, host: HostContext, goes_on: Callable[[], bool] = lambda: True) -> None:
        self._database = Database(host, goes_on)
        self._notify = host.notify

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self._database.path.exists()

    def add(self, compared: Compared) -> Compared:
        """Keep a comparison, and return it with its number.

        :raises OllmError: it cannot be written
        """
        return self.add_all([compared])[0]

    def add_all(self, given: Sequence[Compared]) -> list[Compared]:
        """Keep several comparisons at once, all or none.

        :raises OllmError: they cannot be written
        """
        with self._database.writing() as database:
            return [_add(database, each) for each in given]

    def get(self, number: int | None) -> Compared:
        """Return a comparison; None means the last one.

        :raises UsageError: there is none of that number
        """
        with self._database.reading() as database:
            return _get(database, number)

    def choose(self, number: int | None, choice: Choice, winner: int | None) -> Compared:
        """Note what the user said of a comparison, in place of what was said before.

        :raises UsageError: there is none of that number
        """
        with self._database.writing() as database:
            before = _get(database, number)
            now = replace(before, choice=choice, winner=winner)
            _count(database, before, -1)
            sql = "UPDATE comparison SET models = ?, blind = ?, choice = ?, winner = ?, document = ? WHERE id = ?"
            database.execute(sql, (*_told(now), now.id))
            _count(database, now, 1)
        return now

    def named(self, number: int | None) -> tuple[int, str]:
        """Return the number of a comparison and its prompt, which is empty if it cannot be read; None means the last one.

        :raises UsageError: there is none of that number
        """
        with self._database.reading() as database:
            found, _ = _row(database, number)
            (prompt,) = database.execute("SELECT prompt FROM comparison WHERE id = ?", (found,)).fetchone()
        return found, prompt if isinstance(prompt, str) else ""

    def delete(self, number: int | None) -> int:
        """Forget a comparison, and what it added to the sums; one that cannot be read stays in them.

        :return: its number
        :raises UsageError: there is none of that number
        """
        with self._database.writing() as database:
            gone, document = _row(database, number)
            with suppress(msgspec.DecodeError):
                _count(database, _read(gone, document), -1)
            database.execute("DELETE FROM comparison WHERE id = ?", (gone,))
        return gone

    def lines(self, limit: int) -> list[Line]:
        """List the last comparisons, the newest first."""
        sql = "SELECT id, at, profile, substr(prompt, 1, 1000), models, blind, choice, winner FROM comparison"
        with self._database.reading() as database:
            rows = database.execute(f"{sql} ORDER BY id DESC LIMIT ?", (min(limit, _MOST),)).fetchall()
        return [line for row in rows if (line := self._line(row)) is not None]

    def _line(self, row: Sequence[Any]) -> Line | None:
        """Return a line of the list; None, which is said, for one that cannot be read."""
        try:
            told = (*row[:4], msgspec.json.decode(row[4]), bool(row[5]), *row[6:])
            return msgspec.convert(dict(zip(Line.__struct_fields__, told, strict=True)), Line)
        except (msgspec.DecodeError, TypeError) as error:
            text = (
                f"Comparison {row[0]} cannot be read: {visible(str(error))}; `ollm compare delete {row[0]}` forgets it."
            )
            self._notify(Notice("comparison-unreadable", text))
            return None

    def pairs(self, profile: str | None = None) -> list[Pair]:
        """List the judgements by pair, of one profile or of all."""
        return [msgspec.convert(row, Pair) for row in self._sums("pair", Pair.__struct_fields__, profile)]

    def tallies(self, profile: str | None = None) -> list[Tally]:
        """List what is known by model, of one profile or of all."""
        return [msgspec.convert(row, Tally) for row in self._sums("tally", Tally.__struct_fields__, profile)]

    def _sums(self, table: str, names: Sequence[str], profile: str | None) -> list[dict[str, object]]:
        where, values = ("", ()) if profile is None else (" WHERE profile = ?", (profile,))
        with self._database.reading() as database:
            rows = database.execute(f"SELECT * FROM {table}{where}", values).fetchall()  # noqa: S608  (our own names)
        return [dict(zip(names, row, strict=True)) for row in rows]


def _add(database: sqlite3.Connection, compared: Compared) -> Compared:
    row = (compared.at, compared.profile, compared.prompt, *_told(compared))
    sql = "INSERT INTO comparison(at, profile, prompt, models, blind, choice, winner, document)"
    kept = replace(compared, id=database.execute(f"{sql} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row).lastrowid)
    _count(database, kept, 1)
    return kept


def _get(database: sqlite3.Connection, number: int | None) -> Compared:
    return _read(*_row(database, number))


def _row(database: sqlite3.Connection, number: int | None) -> tuple[int, bytes]:
    """Return a comparison's number, and what is kept of it.

    :raises UsageError: there is none of that number
    """
    where, values = ("ORDER BY id DESC LIMIT 1", ()) if number is None else ("WHERE id = ?", (number,))
    row = database.execute(f"SELECT id, document FROM comparison {where}", values).fetchone()  # noqa: S608
    if row is None:
        told = "No comparison is kept yet" if number is None else f"There is no comparison {number}"
        raise UsageError(told, "`ollm compare history` lists those that are kept.")
    return row[0], row[1]


def _read(number: int, document: bytes) -> Compared:
    return replace(msgspec.json.decode(document, type=Compared), id=number)


def _told(compared: Compared) -> tuple[object, ...]:
    models = msgspec.json.encode([each.name for each in compared.answers]).decode()
    return models, compared.blind, compared.choice, compared.winner, msgspec.json.encode(compared)


def _count(database: sqlite3.Connection, compared: Compared, sign: int) -> None:
    """Add a comparison to the sums, or take it out of them."""
    judged = compared.choice != ""
    for place, answer in enumerate(compared.answers):
        if not answer.provider:  # a name that nobody has is no model
            continue
        runs = [run.numbers for run in answer.runs if run.answered]
        timed = [each for each in runs if each.tokens is not None and each.generation_seconds is not None]
        firsts = [each.first_token_warm_seconds for each in runs if each.first_token_warm_seconds is not None]
        shown = judged and answer.answered
        counts = (
            shown,
            shown and compared.winner == place,
            shown and compared.choice == "tie",
            shown and compared.choice == "bad",
            sum(not run.answered and run.failure != ENDED for run in answer.runs),
            sum(each.tokens or 0 for each in timed),
            sum(each.generation_seconds or 0.0 for each in timed),
            len(firsts),
            sum(firsts),
        )
        database.execute(_ADD_TALLY, (compared.profile, answer.name, *(sign * each for each in counts)))
    for pair in _pairs(compared):
        database.execute(_ADD_PAIR, (compared.profile, pair.a, pair.b, *_signed(pair, sign)))


def _signed(pair: Pair, sign: int) -> tuple[int, int, int]:
    return sign * pair.wins_a, sign * pair.wins_b, sign * pair.ties


def _pairs(compared: Compared) -> Iterator[Pair]:
    """Yield what a choice says of each two models that answered: the winner beat each of the others.

    What the others are worth among each other it does not say, nor does "both bad" say anything.
    """
    there = [(answer.name, place) for place, answer in enumerate(compared.answers) if answer.answered]
    for one, other in combinations(sorted(there), 2):
        (a, place_a), (b, place_b) = one, other
        won = compared.choice == "winner" and compared.winner in (place_a, place_b)
        if a == b or not (won or compared.choice == "tie"):
            continue
        wins_a, wins_b = won and compared.winner == place_a, won and compared.winner == place_b
        yield Pair(compared.profile, a, b, int(wins_a), int(wins_b), int(compared.choice == "tie"))


def notice_of(error: OllmError | None, what: str = "comparison") -> Notice:
    """Return what to say when something could not be kept; without an error, the user did not want to wait."""
    why = error or "Another program was writing, and you gave it up"
    return Notice(f"{what}-not-kept", f"The {what} is not kept: {why}")
