"""Are comparisons kept, counted, mended and forgotten as the room `compare` says?"""

from __future__ import annotations

import math
import random
import sqlite3
import threading
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest
from ollm_plugins.compare.database import Database
from ollm_plugins.compare.plugin import Plugin
from ollm_plugins.compare.preferences import Preferences
from ollm_plugins.compare.results import ENDED, Answer, Choice, Compared, Numbers, Run
from ollm_plugins.compare.store import Pair, Store
from ollm_plugins.compare.strength import POINTS, strengths

from ollm.api import Comparison, OllmError, UsageError, file_lock, replace
from ollm.testing import Harness, MakeHarness

WHOLE = Run("Hi", reason="stop", numbers=Numbers(tokens=10, generation_seconds=0.5, first_token_warm_seconds=0.25))
BROKEN = Run(failure="it broke")


def compared(
    *names: str, choice: Choice = "", winner: int | None = None, profile: str = "code", failed: tuple[int, ...] = ()
) -> Compared:
    answers = tuple(
        Answer("ABC"[place], "ollama", name, runs=(BROKEN if place in failed else WHOLE,))
        for place, name in enumerate(names)
    )
    at = "2026-01-02T03:04:05+00:00"
    return Compared(None, at, "P", profile, 42, "parallel", "", answers, choice=choice, winner=winner)


@pytest.fixture
def app(ollm_app: MakeHarness) -> Harness:
    return ollm_app(Plugin)


@pytest.fixture
def store(app: Harness) -> Store:
    return Store(app.app.context)


def test_a_winner_beats_each_of_the_others_that_answered(store: Store) -> None:
    store.add(compared("a", "b", "c", choice="winner", winner=1, failed=(2,)))
    assert store.pairs("code") == [Pair("code", "ollama/a", "ollama/b", 0, 1, 0)]
    assert store.pairs("fast") == []
    tallies = {each.model: each for each in store.tallies()}
    assert (tallies["ollama/b"].wins, tallies["ollama/b"].shown) == (1, 1)
    assert (tallies["ollama/c"].failed, tallies["ollama/c"].shown) == (1, 0)
    assert (tallies["ollama/a"].tokens, tallies["ollama/a"].seconds, tallies["ollama/a"].firsts) == (10, 0.5, 1)


def test_what_the_user_ended_and_names_that_nobody_has_are_no_failures_of_models(store: Store) -> None:
    ended = Answer("A", "ollama", "slow", runs=(Run("Slo", failure=ENDED), BROKEN))
    nobody = Answer("B", "", "typo", runs=(BROKEN,))
    store.add(replace(compared("a"), answers=(ended, nobody)))
    assert [(each.model, each.failed) for each in store.tallies()] == [("ollama/slow", 1)]
    store.delete(1)
    assert [each.failed for each in store.tallies()] == [0]


def test_a_tie_counts_for_both_and_both_bad_for_neither(store: Store) -> None:
    store.add(compared("a", "b", choice="tie"))
    store.add(compared("a", "b", choice="bad"))
    store.add(compared("a", "b"))
    assert store.pairs() == [Pair("code", "ollama/a", "ollama/b", 0, 0, 1)]
    first = store.tallies()[0]
    assert (first.shown, first.ties, first.bad) == (2, 1, 1)


def test_another_choice_takes_the_place_of_the_one_before(store: Store) -> None:
    kept = store.add(compared("a", "b", choice="winner", winner=0))
    store.choose(kept.id, "winner", 1)
    assert store.pairs() == [Pair("code", "ollama/a", "ollama/b", 0, 1, 0)]
    assert store.get(None).winner == 1
    store.choose(kept.id, "tie", None)
    assert store.pairs() == [Pair("code", "ollama/a", "ollama/b", 0, 0, 1)]


def test_sums_are_what_the_comparisons_add_up_to_whatever_is_done(store: Store) -> None:
    chance = random.Random(7)
    numbers: list[int] = []
    for _ in range(60):
        act = chance.choice(["add", "add", "choose", "delete"])
        names = chance.sample(["a", "b", "c", "d"], 3)
        choice = chance.choice(["", "winner", "tie", "bad"])
        winner = chance.randrange(2) if choice == "winner" else None
        if act == "add" or not numbers:
            failed = (2,) if chance.random() < 0.3 else ()
            added = store.add(compared(*names, choice=choice, winner=winner, failed=failed))
            assert added.id is not None
            numbers.append(added.id)
        elif act == "choose":
            store.choose(chance.choice(numbers), choice, winner)  # type: ignore[arg-type]
        else:
            store.delete(numbers.pop(chance.randrange(len(numbers))))
    sums = {(each.a, each.b): [0, 0, 0] for each in store.pairs()}
    for number in numbers:
        one = store.get(number)
        there = sorted((answer.name, place) for place, answer in enumerate(one.answers) if answer.answered)
        for (a, at), (b, other) in combinations(there, 2):
            sums[a, b][0] += one.choice == "winner" and one.winner == at
            sums[a, b][1] += one.choice == "winner" and one.winner == other
            sums[a, b][2] += one.choice == "tie"
    assert {key: [*value] for key, value in sums.items()} == {
        (each.a, each.b): [each.wins_a, each.wins_b, each.ties] for each in store.pairs()
    }


def test_a_number_that_there_is_none_of(store: Store) -> None:
    with pytest.raises(UsageError, match="No comparison is kept yet"):
        store.get(None)
    with pytest.raises(UsageError, match="There is no comparison 7"):
        store.delete(7)


@pytest.mark.parametrize(
    "content", [b"this is no database, and much longer than its head" * 100, b"SQLite format 3\0junk"]
)
def test_a_damaged_file_is_set_aside_and_said(app: Harness, store: Store, content: bytes) -> None:
    path = app.app.paths.home / "comparisons.db"
    path.write_bytes(content)
    assert store.add(compared("a", "b")).id == 1
    assert path.with_name("comparisons.db.unreadable").read_bytes() == content
    assert "comparisons are counted anew" in app.stderr.getvalue()


def test_a_file_without_our_tables_is_left_alone_and_said(app: Harness, store: Store) -> None:
    path = app.app.paths.home / "comparisons.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (a)")
        database.execute("PRAGMA user_version = 1")
    for act in (lambda: store.add(compared("a", "b")), store.tallies, lambda: store.lines(1)):
        with pytest.raises(OllmError, match=r"no such table.*It is not as ollm makes it: move the file away"):
            act()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_reading_makes_no_file(app: Harness, store: Store) -> None:
    assert store.lines(10) == store.pairs() == store.tallies() == []
    with pytest.raises(UsageError, match="No comparison is kept yet"):
        store.get(None)
    assert not (app.app.paths.home / "comparisons.db").exists()


def test_what_cannot_be_written_can_be_read(app: Harness, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add(compared("a", "b", choice="tie"))
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write whatever the mode is
    path = app.app.paths.home / "comparisons.db"
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    assert [line.choice for line in store.lines(10)] == ["tie"]
    assert store.get(1).id == 1
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_a_file_that_another_program_holds_is_waited_for_then_said(
    app: Harness, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ollm_plugins.compare.database.WAIT", 0.05)
    store.add(compared("a", "b"))
    with closing(sqlite3.connect(app.app.paths.home / "comparisons.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OllmError, match=r"locked. Another program is writing it; try again\."):
            store.add(compared("a", "b"))
        assert len(store.lines(10)) == 1
        other.execute("ROLLBACK")
    assert store.add(compared("a", "b")).id == 2


def test_who_makes_the_file_waits_as_any_writer_does_and_for_nothing_else(app: Harness) -> None:
    path = app.app.paths.home / "comparisons.db"
    asked: list[bool] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OllmError, match=r"locked. Another program is writing it; try again\."):
            Store(app.app.context, lambda: bool(asked.append(True))).add(compared("a", "b"))
        other.execute("ROLLBACK")
    assert asked == [True]
    with file_lock(path):
        assert Store(app.app.context).add(compared("a", "b")).id == 1


def test_a_full_disk_is_said_as_such(app: Harness) -> None:
    database = Database(app.app.context)
    with pytest.raises(OllmError, match=r"full\. Make room on the disk"), database.writing() as opened:  # noqa: PT012
        opened.execute("CREATE TABLE big (content)")
        opened.execute("PRAGMA max_page_count = 1")  # no less than it has, so it cannot grow
        opened.execute("INSERT INTO big VALUES (zeroblob(1000000))")  # undoes the whole transaction by itself
    with database.reading() as opened:
        assert opened.execute("SELECT name FROM sqlite_master WHERE name = 'big'").fetchall() == []


def test_a_comparison_that_cannot_be_read_can_be_forgotten(app: Harness, store: Store) -> None:
    store.add(compared("a", "b"))
    with sqlite3.connect(app.app.paths.home / "comparisons.db") as database:
        database.execute("UPDATE comparison SET document = ?", (b"{broken",))
    with pytest.raises(OllmError, match=r"cannot be read.*compare delete ID"):
        store.get(1)
    assert store.delete(1) == 1
    assert store.lines(10) == []


@pytest.mark.parametrize("broken", [("models", "{bad"), ("models", "[1]"), ("choice", "odd"), ("prompt", b"\xff")])
def test_a_comparison_that_cannot_be_read_hides_no_other(
    app: Harness, store: Store, broken: tuple[str, object]
) -> None:
    store.add_all([compared("a", "b")] * 3)
    with closing(sqlite3.connect(app.app.paths.home / "comparisons.db", isolation_level=None)) as database:
        database.execute(f"UPDATE comparison SET {broken[0]} = ? WHERE id = 2", (broken[1],))
    done = app.run_command("compare history --json")
    assert [each["id"] for each in done.json] == [3, 1]
    assert "Comparison 2 cannot be read" in done.stderr
    assert app.run_command("compare delete 2 --yes").exit_code == 0
    assert "cannot be read" not in app.run_command("compare history").stderr


def test_a_file_of_a_newer_version_is_left_alone(app: Harness, store: Store) -> None:
    path = app.app.paths.home / "comparisons.db"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(OllmError, match="newer version"):
        store.add(compared("a", "b"))
    assert path.read_bytes() == before


def test_two_at_a_time_lose_nothing(app: Harness) -> None:
    def add() -> None:
        for _ in range(20):
            Store(app.app.context).add(compared("a", "b", choice="winner", winner=0))

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Store(app.app.context).pairs()[0].wins_a == 60
    assert len(Store(app.app.context).lines(100)) == 60


def test_the_file_is_for_its_owner_only(app: Harness, store: Store) -> None:
    store.add(compared("a", "b"))
    assert (app.app.paths.home / "comparisons.db").stat().st_mode & 0o077 == 0


def test_the_service_gives_sums_by_model_whichever_provider_it_was_with(app: Harness, store: Store) -> None:
    store.add(compared("b", "a", choice="winner", winner=0))
    answers = (Answer("A", "local", "a", runs=(WHOLE,)), Answer("B", "zoo", "b", runs=(WHOLE,)))
    one = compared()
    store.add(Compared(None, one.at, "P", "code", 42, "", "", answers, choice="winner", winner=1))
    assert Preferences(app.app.context).comparisons("code") == [Comparison("code", "a", "b", 0, 2)]
    assert Preferences(app.app.context).comparisons("fast") == []


def test_the_service_makes_no_file_and_survives_a_bad_one(app: Harness, ollm_home: Path) -> None:
    service = Preferences(app.app.context)
    assert service.comparisons("code") == ()
    assert not (ollm_home / "comparisons.db").exists()
    (ollm_home / "comparisons.db").mkdir()
    assert service.comparisons("code") == ()
    assert "do not count now" in app.stderr.getvalue()


def test_strengths_of_two_are_the_odds() -> None:
    first, second = strengths([Pair("", "a", "b", 300, 100, 0)])
    assert (first.model, second.model) == ("a", "b")
    assert first.points - second.points == pytest.approx(POINTS * math.log(3), rel=0.02)
    assert first.points + second.points == pytest.approx(0, abs=1e-6)


def test_strengths_are_found_again() -> None:
    chance = random.Random(3)
    true = {"a": 1.0, "b": 0.4, "c": -0.2, "d": -1.2}
    pairs = []
    for a, b in combinations(true, 2):
        wins = sum(chance.random() < 1 / (1 + math.exp(true[b] - true[a])) for _ in range(400))
        pairs.append(Pair("", a, b, wins, 400 - wins, 0))
    for each in strengths(pairs):
        assert abs(each.points - POINTS * true[each.model]) < 4 * each.error
        assert 0 < each.error < 20


def test_who_never_lost_has_a_finite_strength_and_little_certainty() -> None:
    few = strengths([Pair("", "a", "b", 1, 0, 0)])
    many = strengths([Pair("", "a", "b", 30, 0, 0)])
    assert 0 < few[0].points < many[0].points < 1500
    assert few[0].error > 100


def test_the_uncertainty_is_that_of_the_inverted_information() -> None:
    """Of two models with n judgements at even odds, by hand: information n/4 + 1/4 and -n/4, the average taken out."""
    games = 40
    (first, _) = strengths([Pair("", "a", "b", games // 2, games // 2, 0)])
    own, cross = games / 4 + 0.25, -games / 4
    assert first.error == pytest.approx(POINTS * math.sqrt(1 / (2 * (own - cross))))


def test_the_strengths_are_the_most_probable_ones_however_extreme() -> None:
    """At the most probable strengths, each has won as often as is expected, the prior's two halves included."""
    pairs = [Pair("", "a", "b", 50_000, 0, 0), Pair("", "b", "c", 1, 40_000, 3), Pair("", "c", "d", 0, 1, 0)]
    found = {each.model: each.points / POINTS for each in strengths(pairs)}
    for pair in pairs:
        assert math.isfinite(found[pair.a])
    level = -sum(found.values()) / 4  # the level is not told; it is where the prior's wins are half of its games
    for _ in range(200):
        level -= sum(1 / (1 + math.exp(-(each + level))) - 0.5 for each in found.values())
    for model, mine in found.items():
        won = 0.5 + sum(
            (pair.wins_a if pair.a == model else pair.wins_b) + pair.ties / 2
            for pair in pairs
            if model in (pair.a, pair.b)
        )
        expected = 1 / (1 + math.exp(-(mine + level)))
        for pair in pairs:
            if model in (pair.a, pair.b):
                other = found[pair.b if pair.a == model else pair.a]
                expected += (pair.wins_a + pair.wins_b + pair.ties) / (1 + math.exp(other - mine))
        assert won == pytest.approx(expected, abs=1e-3)


def test_ties_draw_together() -> None:
    without, tied = strengths([Pair("", "a", "b", 6, 2, 0)]), strengths([Pair("", "a", "b", 6, 2, 20)])
    assert tied[0].points < without[0].points / 2


def test_nothing_has_no_strength() -> None:
    assert strengths([]) == []
