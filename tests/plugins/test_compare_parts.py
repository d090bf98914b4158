"""Who may answer at the same time, and what does the screen hold?"""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollm_plugins.compare.deciding import Facts, Plan, Wanted, Wish, decide
from ollm_plugins.compare.finding import told_apart
from ollm_plugins.compare.panes import LEAST, Pane, Shown, frame
from ollm_plugins.compare.results import Answer, Compared, Run
from ollm_plugins.compare.running import Column
from ollm_plugins.compare.telling import terms
from ollm_plugins.compare.wrapping import Wrapped, fitted, width_of, wrapped

from ollm.api import MemoryEstimate, MemoryNeed

GB = 10**9


def here(**sizes: int | None) -> dict[str, MemoryNeed]:
    return {f"ollama/{name}": MemoryNeed(None if gb is None else gb * GB, here=True) for name, gb in sizes.items()}


def plan(names: str, facts: Facts, wish: Wish = "", provider: str = "ollama") -> Plan:
    models = [Wanted(*(name.split("/") if "/" in name else (provider, name))) for name in names.split()]
    return decide(models, facts, wish)


def memory(room: int | None = 12, **sizes: int | None) -> Facts:
    return Facts(MemoryEstimate(here(**sizes), None if room is None else room * GB, "of RAM"))


@pytest.mark.parametrize(
    ("names", "facts", "wish", "lanes", "line"),
    [
        ("a b", memory(a=5, b=6), "", ((0,), (1,)), "At the same time: a (5.0 GB) and b (6.0 GB) together fit into 12.0 GB of RAM."),
        ("a b", memory(a=5, b=9), "", ((0, 1),), "One after another: a (5.0 GB) and b (9.0 GB) together do not fit into 12.0 GB of RAM."),
        ("a b", memory(a=5, b=9), "parallel", ((0,), (1,)), "At the same time: as you asked."),
        ("a b", memory(a=1, b=1), "sequential", ((0, 1),), "One after another: as you asked."),
        ("a b", memory(a=1, b=None), "", ((0, 1),), "One after another: nobody knows how much memory b takes."),
        ("a b", memory(None, a=1, b=1), "", ((0, 1),), "One after another: nobody knows how much memory there is."),
        ("a b", Facts(loaded=frozenset({"ollama/a", "ollama/b"})), "", ((0,), (1,)), "At the same time: all of them are in memory."),
        ("a b", Facts(), "", ((0, 1),), "One after another: nobody knows the memory of 'ollama'."),
        ("x/a y/b", Facts(), "", ((0,), (1,)), "At the same time: no two of them are known to share a memory."),
    ],
)  # fmt: skip
def test_who_answers_at_the_same_time_and_why(
    names: str, facts: Facts, wish: Wish, lanes: tuple[tuple[int, ...], ...], line: str
) -> None:
    found = plan(names, facts, wish)
    assert (found.lanes, found.line) == (lanes, line)


def test_a_provider_that_holds_one_model_answers_one_after_another_even_so() -> None:
    facts = Facts(at_once={"local": 1})
    found = plan("local/a ollama/b local/c", facts, "parallel")
    assert found.lanes == ((0, 2), (1,))
    assert found.line == "Partly one after another: as you asked, and 'local' holds one model at a time."
    assert plan("local/a ollama/b", facts, "parallel").mode == "parallel"
    alone = plan("local/a local/b", facts)
    assert alone.line == "One after another: 'local' holds one model at a time."


def test_models_elsewhere_do_not_wait_for_those_here() -> None:
    needs = {**here(a=5, b=9), "ollama/cloud": MemoryNeed(0)}
    found = plan("a cloud b", Facts(MemoryEstimate(needs, 12 * GB)))
    assert found.lanes == ((0, 2), (1,))
    assert found.mode == "mixed"


def test_a_hidden_model_is_not_told_by_its_name_or_size() -> None:
    models = [Wanted("ollama", "a", label="A"), Wanted("ollama", "b", label="B")]
    assert (
        decide(models, memory(a=5, b=9)).line == "One after another: A and B together do not fit into 12.0 GB of RAM."
    )


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.one_of(st.none(), st.integers(1, 20)), min_size=2),
    st.one_of(st.none(), st.integers(1, 40)),
    st.sets(st.sampled_from("abcdef")),
    st.sampled_from(["", "parallel", "sequential"]),
    st.booleans(),
)
def test_each_model_is_in_one_lane_and_nothing_is_overfilled(
    sizes: dict[str, int | None], room: int | None, loaded: set[str], wish: Wish, few: bool
) -> None:
    facts = Facts(
        MemoryEstimate(here(**sizes), None if room is None else room * GB),
        frozenset(f"ollama/{name}" for name in loaded),
        {"ollama": 1} if few else {},
    )
    found = plan(" ".join(sizes), facts, wish)
    assert sorted(place for lane in found.lanes for place in lane) == list(range(len(sizes)))
    assert found.why
    if wish != "parallel" and not set(sizes) <= loaded and len(found.lanes) > 1:
        known = [each for each in sizes.values() if each is not None]
        assert room is not None
        assert len(known) == len(sizes)
        assert sum(known) <= room


TEXT = st.text(st.sampled_from("ab \n\t-漢é\u0301\x1b\r😀"), max_size=200)


@given(st.lists(TEXT, max_size=8), st.integers(2, 40))
def test_a_text_in_pieces_is_wrapped_as_the_whole_is(pieces: list[str], width: int) -> None:
    whole, grown = Wrapped(width), Wrapped(width)
    whole.feed("".join(pieces))
    for piece in pieces:
        grown.feed(piece)
    assert grown.rows(10_000) == whole.rows(10_000)
    assert all(width_of(row) <= width for row in whole.rows(10_000))
    assert all("\x1b" not in row for row in whole.rows(10_000))


@given(st.text(st.sampled_from("ab 漢😀"), max_size=40), st.integers(0, 30))
def test_a_row_is_exactly_as_wide_as_it_is_to_be(text: str, width: int) -> None:
    assert width_of(fitted(text, width)) == width


def test_words_are_not_cut_where_they_fit() -> None:
    wrapped = Wrapped(10)
    for piece in ("The qu", "ick brown", " fox ", "jumps over incomprehensibilities"):
        wrapped.feed(piece)
    assert list(wrapped.rows(20)) == ["The quick", "brown fox", "jumps over", "incomprehe", "nsibilitie", "s"]


def panes(count: int) -> list[Pane]:
    columns = [Column("ABCDEFGHI"[place], Wanted("ollama", f"m{place}"), f"m{place}") for place in range(count)]
    return [Pane(column) for column in columns]


def shown(count: int) -> Shown:
    made = Shown()
    made.titles = [f"m{place}" for place in range(count)]
    return made


@given(st.integers(1, 9), st.integers(10, 200), st.integers(2, 50))
def test_a_frame_fills_the_screen(count: int, width: int, height: int) -> None:
    made = panes(count)
    for pane in made:
        pane.column.said += ["some words 漢字 and more\n"] * 30
        pane.column.state, pane.column.began = "answering", 0.0
    rows = frame(made, shown(count), (width, height), 1.0)
    assert len(rows) == height
    assert all(sum(width_of(text) for _, text in row) <= width for row in rows)


def test_columns_become_rows_where_the_screen_is_narrow() -> None:
    wide = frame(panes(3), shown(3), (LEAST * 3 + 6, 20), 0.0)
    assert all(name in "".join(text for _, text in wide[0]) for name in ("m0", "m1", "m2"))
    narrow = frame(panes(3), shown(3), (LEAST * 3 + 5, 21), 0.0)
    heads = [number for number, row in enumerate(narrow) if "waits" in row[0][1]]
    assert heads == [0, 7, 14]


def test_one_can_scroll_back_while_the_text_grows() -> None:
    (pane,) = panes(1)
    pane.column.said += [f"row {number}\n" for number in range(50)]
    assert pane.rows(20, 5)[-1].strip() == "row 49"
    pane.scroll(10, 5)
    assert pane.rows(20, 5)[-1].strip() == "row 39"
    pane.column.said.append("row 50\n")
    assert pane.rows(20, 5)[-1].strip() == "row 39"
    pane.scroll(-100, 5)
    assert pane.rows(20, 5)[-1].strip() == "row 50"
    pane.scroll(1000, 5)
    assert pane.rows(20, 5)[0].strip() == "row 0"


def test_what_is_read_stays_in_sight_when_the_screen_or_a_name_changes() -> None:
    (pane,) = panes(1)
    pane.column.said += [f"row {number} which is longer than ten\n" for number in range(90)]
    pane.rows(40, 6)
    pane.scroll(30, 6)
    for act in (lambda: None, pane.reveal):
        act()
        for width in (10, 40):
            seen = " ".join(row.strip() for row in pane.rows(width, 6))
            assert any(f"row {number} " in seen for number in range(54, 60)), seen


def test_a_frame_of_a_long_answer_costs_what_one_of_a_short_does() -> None:
    """A ratio on the same machine: the time grows with what is seen, not with the text."""

    def seconds(length: int) -> float:
        (pane,) = panes(1)
        pane.column.said += ["some words of an answer "] * length
        pane.rows(80, 40)
        times = []
        for _ in range(50):
            pane.column.said.append("more ")
            began = time.process_time()
            pane.rows(80, 40)
            times.append(time.process_time() - began)
        return sorted(times)[25]

    assert seconds(40_000) < 5 * seconds(400)


def test_models_of_one_name_are_called_with_their_provider() -> None:
    models = told_apart([Wanted("ollama", "a"), Wanted("local", "a"), Wanted("local", "b"), Wanted("local", "b")])
    assert [each.title for each in models] == ["ollama/a", "local/a", "b", "b"]
    assert [each.key for each in models] == ["ollama/a", "local/a", "local/b", "local/b"]


def test_options_are_told_that_were_the_same_for_all() -> None:
    given = [{"seed": 1, "contextSize": 4096, "topK": 5}, {"seed": 1, "contextSize": 8192, "topK": 5}, {}]
    runs = [Run("x", reason="stop" if options else "cut", options=options) for options in given]
    answers = tuple(Answer("ABC"[place], "p", f"m{place}", runs=(run,)) for place, run in enumerate(runs))
    held = Compared(None, "", "P", "fast", 1, "parallel", "", answers)
    assert list(terms(held)) == ["Seed 1; topK 5."]


def test_what_joins_emoji_does_not_shift_columns() -> None:
    text = Wrapped(20)
    for piece in ("\U0001f468\u200d", "\U0001f469 \u2764\ufe0f", " end"):
        text.feed(piece)
    assert list(text.rows(5)) == ["\U0001f468\U0001f469 \u2764 end"]


@given(st.text(), st.integers(2, 40), st.integers(1, 4))
def test_what_is_told_takes_so_many_rows_at_most(text: str, width: int, most: int) -> None:
    rows = wrapped(text, width, most)
    assert 1 <= len(rows) <= most
    assert {width_of(row) for row in rows} == {width}
