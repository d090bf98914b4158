"""Is the database made from its tables as it should be?"""

import importlib.util
import random
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from ollm_plugins.limits.database import FILE, load, read

ROOT = Path(__file__).parents[2]
SMALL = ROOT / "tests" / "data" / "limits"
TABLES = [
    str(SMALL / "small-tags.csv"),
    str(SMALL / "small-reference.csv"),
    "--curated",
    str(SMALL / "small-curated.tsv"),
]


def generator():
    spec = importlib.util.spec_from_file_location("generate_limits", ROOT / "docs" / "generate_limits.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_limits"] = module
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()


def small():
    tags = GENERATOR.read_tags(SMALL / "small-tags.csv")
    reference = GENERATOR.read_reference(SMALL / "small-reference.csv")
    return tags, reference, GENERATOR.read_rules(SMALL / "small-curated.tsv")


def made(tags, reference=None, rules=()):
    return read(GENERATOR.generate(tags, reference or {}, rules).splitlines())


def tag(name, context="8K", digest="", **more):
    line, _, version = name.partition(":")
    return GENERATOR.Tag(line, version, digest or name, context, **more)


def test_the_tables_give_what_is_committed():
    assert GENERATOR.main([*TABLES, "--output", str(SMALL / "small-models.tsv"), "--check"]) == 0


def test_an_old_database_is_noticed_and_written_anew(tmp_path):
    output = tmp_path / "models.tsv"
    output.write_text("old", encoding="utf-8")
    arguments = [*TABLES, "--output", str(output)]
    assert GENERATOR.main([*arguments, "--check"]) == 1 and output.read_text() == "old"
    assert GENERATOR.main(arguments) == 0
    assert GENERATOR.main([*arguments, "--check"]) == 0


def test_the_order_of_rows_makes_no_difference():
    tags, reference, rules = small()
    before = GENERATOR.generate(tags, reference, rules)
    for seed in range(5):
        random.Random(seed).shuffle(tags)
        assert GENERATOR.generate(tags, reference, rules) == before


def test_what_pages_show_wrongly_is_corrected_by_curated_rows():
    tags, reference, rules = small()
    assert {each.context for each in tags if each.line == "phi4-mini"} == {"4K", "128K"}
    assert {facts.context_window for facts in made(tags, reference, rules).lines["phi4-mini"].tags.values()} == {131072}


def test_quantizations_that_are_another_build_are_kept_apart():
    line = made(*small()).lines["qwen3"]
    assert [line.find(each).facts.context_window for each in ("4b", "4b-q8_0", "4b-q4_K_M")] == [262144, 40960, 40960]
    assert "thinking" not in line.find("4b-instruct-2507-q8_0").facts.capabilities


def test_of_quantizations_that_differ_unknown_ones_get_the_smaller_window():
    line = made(*small()).lines["codellama"]
    known = {each: line.find(f"70b-instruct-{each}").facts.context_window for each in ("fp16", "q6_k", "q2_k", "q5_0")}
    assert known == {"fp16": 4096, "q6_k": 4096, "q2_k": 2048, "q5_0": 2048}


def test_tags_of_one_digest_are_one_model():
    tags = [tag("a:tiny", digest="1" * 12), tag("a:7b-h", "Unknown", digest="1" * 12), tag("a:latest", digest="1" * 12)]
    rule = GENERATOR.Rule("a:*-h", "9000", "", "+tools", "", "")
    line = made(tags, {}, [rule]).lines["a"]
    assert line.latest == "7b-h"
    assert {facts.context_window for facts in line.tags.values()} == {9000}
    assert made(tags, {}, [rule]).of_digest("1" * 64).matched == "a:7b-h"


def test_capabilities_that_only_some_checked_builds_have_are_not_taken_for_others():
    tags = [tag("a:1b"), tag("a:2b"), tag("a:3b")]
    Facts = GENERATOR.Facts
    checked = {"a:1b": Facts(8192, "f", frozenset({"tools"})), "a:2b": Facts(8192, "f")}
    line = made(tags, checked).lines["a"]
    assert line.find("1b").facts.capabilities == {"tools"}
    assert line.find("3b").facts.capabilities == set() and line.find("3b").facts.family == "f"


def test_a_window_that_no_table_gives_is_an_error():
    with pytest.raises(ValueError, match="a:1b: no table says"):
        made([tag("a:1b", "Unknown")])


@pytest.mark.parametrize(
    ("shown", "window"), [("4K", 4096), ("39K", 40000), ("1000K", 1024000), ("Unknown", 0), ("", 0)]
)
def test_windows_are_read_as_pages_round_them(shown, window):
    assert GENERATOR._window(shown) == window


@pytest.mark.parametrize(
    ("change", "then"),
    [("", {"a", "b"}), ("+c", {"a", "b", "c"}), ("-a,c", {"b"}), ("=c", {"c"}), ("c,d", {"c", "d"}), ("=", set())],
)
def test_curated_rows_add_take_away_and_replace(change, then):
    assert GENERATOR._merged({"a", "b"}, change) == then


def test_each_curated_row_does_something_and_says_why():
    names = [f"{line.name}:{each}" for line in load().lines.values() for each in (*line.tags, "latest")]
    words = {*GENERATOR.CAPABILITIES, *GENERATOR.PROFILES}
    for row in GENERATOR.CURATED.read_text(encoding="utf-8").splitlines()[1:]:
        pattern, context, family, capabilities, output, profiles, reason = row.split("\t")
        assert any(fnmatchcase(name, pattern) for name in names), f"{pattern} fits no model"
        assert reason or not (context or family or capabilities or output), f"{pattern} needs a reason"
        assert context or family or capabilities or output or profiles, f"{pattern} changes nothing"
        given = {word for cell in (capabilities, profiles) for word in cell.lstrip("+-=").split(",") if word}
        assert given <= words, pattern


def test_the_database_is_compact_and_of_this_generator():
    text = FILE.read_text(encoding="utf-8")
    assert text.startswith(GENERATOR.HEAD) and len(text) < 60_000
    database = load()
    assert len(database.lines) > 230 and list(database.lines) == sorted(database.lines)
    for line in database.lines.values():
        assert not line.latest or line.latest in line.tags, line.name
        for facts in line.tags.values():
            assert facts.context_window >= 256 and facts.capabilities <= set(GENERATOR.CAPABILITIES), line.name
            assert not ("embedding" in facts.capabilities and facts.profiles), line.name
