"""Do the commands about kept comparisons do what they say?"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
from ollm_plugins.compare.plugin import Plugin
from ollm_plugins.compare.results import Answer, Compared, Numbers, Run
from ollm_plugins.compare.store import Store

from ollm.testing import Harness, MakeHarness
from tests.helpers.clock import two_hours_ahead  # noqa: F401  (a fixture)

NUMBERS = Numbers(seconds=2.0, tokens=100, generation_seconds=2.0, tokens_per_second=50.0, first_token_warm_seconds=0.5)
EVIL = "<script>alert(1)</script>\n```\n# not a heading\n\x1b[31m</pre>"


def run(app: Harness, line: str) -> str:
    result = app.run_command(f"compare {line}")
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def app(ollm_app: MakeHarness) -> Harness:
    made = ollm_app(Plugin)
    answers = tuple(
        Answer(label, "ollama", model, "d" * 64, (Run(EVIL, reason="stop", numbers=NUMBERS, options={"seed": 42}),))
        for label, model in (("A", "one:1b"), ("B", "two:1b"))
    )
    at = "2026-01-02T03:04:05+00:00"
    compared = Compared(None, at, "Say <b>hi</b>\n```", "code", 42, "parallel", "Because.", answers)
    Store(made.app.context).add(compared)
    Store(made.app.context).add(compared)
    return made


def test_history_lists_the_newest_first(app: Harness) -> None:
    rows = run(app, "history").splitlines()
    assert rows[0].split("\t") == ["id", "when", "profile", "models", "choice", "prompt"]
    assert [row.split("\t")[0] for row in rows[1:]] == ["2", "1"]
    assert rows[1].split("\t")[3:] == ["one:1b, two:1b", "-", "Say <b>hi</b> ```"]
    assert len(run(app, "history --limit 1").splitlines()) == 2
    assert len(run(app, f"history --limit {10**30}").splitlines()) == 3


@pytest.mark.parametrize(
    ("which", "said"), [("1", "one:1b"), ("B", "two:1b"), ("two:1b", "two:1b"), ("ollama/one:1b", "one:1b")]
)
def test_an_answer_is_chosen_by_place_letter_or_name(app: Harness, which: str, said: str) -> None:
    assert run(app, f"choose 1 {which}") == f"You prefer ollama/{said}.\n"
    assert app.run_command("compare history --json").json[1]["winner"] == f"ollama/{said}"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("choose 1 tow:1b", "did you mean two:1b"),
        ("choose 1 3", "means none of the answers"),
        ("choose nine 1", "'nine' is no number of a comparison"),
        ("choose 9 1", "There is no comparison 9"),
        ("show 999999999999999999999", "is no number of a comparison"),
        ("export last answers.txt", "ends in none of .md"),
    ],
)
def test_what_does_not_fit_is_wrong_usage(app: Harness, line: str, said: str) -> None:
    result = app.run_command(f"compare {line}")
    assert result.exit_code == 2
    assert said in result.stderr


def test_stats_say_who_wins_and_how_fast(app: Harness) -> None:
    run(app, "choose 1 2")
    run(app, "choose 2 tie")
    first, second = app.run_command("compare stats --json").json["models"]
    assert (first["model"], first["wins"], first["ties"], first["lost"]) == ("ollama/two:1b", 1, 1, 0)
    assert (second["wins"], second["ties"], second["lost"]) == (0, 1, 1)
    assert first["strength"] > 0 > second["strength"]
    assert (first["tokensPerSecond"], first["firstTokenWarmSeconds"]) == (50.0, 0.5)
    assert run(app, "stats --profile code").splitlines()[1].startswith("ollama/two:1b\t1\t1\t0")
    assert "did you mean code?" in run(app, "stats --profile cod")


def test_what_is_forgotten_counts_no_longer(app: Harness) -> None:
    run(app, "choose 1 2")
    refused = app.run_command("compare delete 1")
    assert (refused.exit_code, "Add --yes" in refused.stderr) == (2, True)
    assert run(app, "delete 1 --yes") == "Comparison 1 is forgotten\n"
    assert app.run_command("compare delete last --yes --json").json == {"deleted": [2]}
    assert app.run_command("compare delete last --yes").exit_code == 2
    assert run(app, "stats") == run(app, "history") == "Nothing was compared yet\n"


def test_what_is_shown_obeys_nothing_in_it(app: Harness) -> None:
    shown = run(app, "show 1")
    assert "\x1b" not in shown
    assert "␛[31m" in shown


class Tags(HTMLParser):
    """Gathers what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_a_page_holds_the_texts_and_runs_none_of_them(app: Harness, tmp_path: Path) -> None:
    file = tmp_path / "answers.html"
    run(app, f"export 1 {file}")
    text, tags = file.read_text(encoding="utf-8"), Tags()
    tags.feed(text)
    assert tags.found.isdisjoint({"script", "b", "img", "link", "iframe"})
    assert tags.attributes <= {"lang", "charset", "http-equiv", "content", "class"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\x1b" not in text


def test_markdown_keeps_each_text_in_its_fence(app: Harness, tmp_path: Path) -> None:
    file = tmp_path / "answers.md"
    run(app, "choose 1 2")
    run(app, f"export 1 {file}")
    lines = file.read_text(encoding="utf-8").splitlines()
    fences = [number for number, line in enumerate(lines) if line.startswith("````")]
    assert len(fences) == 6
    inside = [line for begin, end in zip(fences[::2], fences[1::2], strict=True) for line in lines[begin + 1 : end]]
    assert inside.count("# not a heading") == 2
    assert "## 2. ollama/two:1b (the best)" in lines


def test_a_file_that_is_there_is_not_replaced_without_a_word(app: Harness, tmp_path: Path) -> None:
    file = tmp_path / "answers.md"
    file.write_text("mine")
    assert app.run_command(f"compare export 1 {file}").exit_code == 2
    nowhere = tmp_path / "nowhere" / "answers.md"
    assert "There is no folder" in app.run_command(f"compare export 1 {nowhere}").stderr
    assert not nowhere.parent.exists()
    assert file.read_text() == "mine"
    run(app, f"export 1 {file} --force")
    assert file.read_text().startswith("# Comparison of 2026-01-02")


@pytest.mark.usefixtures("two_hours_ahead")
def test_people_read_the_time_of_their_clock_and_programs_that_of_utc(app: Harness, tmp_path: Path) -> None:
    assert run(app, "show last").startswith("2026-01-02 05:04, profile code\n")
    assert app.run_command("compare show last --json").json["at"] == "2026-01-02T03:04:05+00:00"
    for name in ("answers.md", "answers.html"):
        run(app, f"export last {tmp_path / name}")
        assert "Comparison of 2026-01-02 05:04" in (tmp_path / name).read_text().replace("\\", "")
