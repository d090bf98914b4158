"""Does the model answer that has answered in this repository's language before?"""

import json

import pytest
from ollm_fluent.languages import of_answer, of_folder
from ollm_fluent.plugin import Plugin
from ollm_fluent.rank import rank

from ollm.api import ModelInfo, RankContext

RUST = "Like this:\n```rust\nfn main() {}\n```\n"


@pytest.fixture
def rusty(tmp_path, monkeypatch):
    """A repository in which most files are in Rust."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    (folder / ".git").mkdir()
    for name in ("src/main.rs", "src/lib.rs", "build.py"):
        (folder / name).write_text("")
    monkeypatch.chdir(folder / "src")
    return folder


def ranks(ollm, *keys):
    given = {key: ModelInfo(key.partition("/")[2]) for key in keys}
    return dict(rank(RankContext(ollm.app.context, given, "")))


def test_who_has_answered_in_the_language_is_ranked_first(ollm_app, rusty):
    ollm = ollm_app(Plugin, replies=[RUST])
    assert ranks(ollm, "scripted/scripted:1b", "scripted/other:1b") == {
        "scripted/scripted:1b": 0,
        "scripted/other:1b": 0,
    }
    ollm.ask("Write Rust!")
    assert ranks(ollm, "scripted/scripted:1b", "scripted/other:1b") == {
        "scripted/scripted:1b": 1,
        "scripted/other:1b": 0,
    }


def test_answers_in_other_languages_do_not_count(ollm_app, rusty):
    ollm = ollm_app(Plugin, replies=["```python\nprint()\n```\n"])
    ollm.ask("Write Python!")
    assert ranks(ollm, "scripted/scripted:1b") == {"scripted/scripted:1b": 0}


def test_a_damaged_file_is_kept_aside(ollm_app, ollm_home, rusty):
    (ollm_home / "fluent.json").write_text('{"version": 1, "models": 3}')
    ollm = ollm_app(Plugin, replies=[RUST])
    ollm.ask("Write Rust!")
    assert (ollm_home / "fluent.json.unreadable").is_file()
    assert "fluent.json.unreadable; counting begins anew" in ollm.stderr.getvalue()
    assert json.loads((ollm_home / "fluent.json").read_text())["models"] == {"scripted/scripted:1b": {"rust": 1}}


@pytest.mark.parametrize(
    ("text", "languages"),
    [("```py\nx\n```", {"python"}), ("```\nx\n```", set()), ("``` no", set()), ("```GO\n", {"go"})],
)
def test_the_language_of_an_answer_is_that_of_its_blocks(text, languages):
    assert of_answer(text) == languages


def test_the_language_of_a_folder_is_that_of_its_repository(rusty, tmp_path):
    assert of_folder(rusty / "src") == "rust"
    assert of_folder(tmp_path / "nothing") is None
