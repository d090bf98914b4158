"""Is one value changed in YAML text, with every other byte left as it is?"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ollm.errors import SettingsError
from ollm.settings_file import change_setting, parse, parse_value, read_settings, remove_setting, update_setting

fuzz = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("", ("a", "b"), 1, "version: 1\na:\n  b: 1\n"),
        ("# only a comment", ("a",), 1, "# only a comment\nversion: 1\na: 1\n"),
        ("{}\n", ("a",), 1, "version: 1\na: 1\n"),
        ("a:\n  b: 1", ("a", "c"), [1, "x, y"], "a:\n  b: 1\n  c: [1, 'x, y']\n"),
        ("a: {}\n", ("a", "b", "c"), 1, "a: {b: {c: 1}}\n"),
        ("a:\n  t: |\n    one\n    two\n\n# end\n", ("a", "t"), "x", "a:\n  t: x\n\n# end\n"),
        ("a:\n  t: |\n    one\n    two\n\n# end\n", ("a", "u"), 1, "a:\n  t: |\n    one\n    two\n  u: 1\n\n# end\n"),
        ("a:\n  - 1\n  # two\n  - 2\nb: 1\n", ("a",), [], "a: []\nb: 1\n"),
        ("a: # none\n\nb: 1\n", ("a", "c"), 2, "a: # none\n  c: 2\n\nb: 1\n"),
        ("---\na: 1\n...\n", ("b",), 2, "---\na: 1\nb: 2\n...\n"),
        ('"a b": 1\n', ("a b",), 2, '"a b": 2\n'),
        ("a: 1\n", ("llama3.1:8b", "true"), 2, "a: 1\nllama3.1:8b:\n  'true': 2\n"),
        ("a: null # x\n", ("a", "b", "c"), 2, "a: {b: {c: 2}} # x\n"),
        ("a: [1]\n", ("a", "b"), 2, "a: {b: 2}\n"),
        (
            "a:\n# one\n- {b: x} # why\n- b: y\n  c: z\n",
            ("a",),
            [{"b": "x"}, {"b": "y", "c": "z"}, {"b": "n"}],
            "a:\n# one\n- {b: x} # why\n- b: y\n  c: z\n- {b: n}\n",
        ),
        ("a:\n- {b: x} # why\n- b: y\n  c: z\n# end\n", ("a",), [{"b": "x"}], "a:\n- {b: x} # why\n# end\n"),
        # What cannot be cut is written anew, and means the same:
        ("x: &a 1 # one\nb: *a\n", ("b",), 2, "x: &a 1 # one\nb: 2    # one\n"),
    ],
)
def test_one_value_is_changed_in_place(tmp_path, before, key, value, after):
    path = tmp_path / "c.yaml"
    path.write_text(before)
    change_setting(path, key, value)
    assert path.read_text() == after


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        ("a:\n  b: 1 # one\n  # two\n  c: 2\n", ("a", "b"), "a:\n  # two\n  c: 2\n"),
        ("# top\na:\n  b: 1\nc: 2\n", ("a", "b"), "# top\nc: 2\n"),
        ("a:\n  b:\n    c: 1\n", ("a", "b", "c"), ""),
        ("a:\n  t: |\n    one\n\n    two\nb: 1\n", ("a", "t"), "b: 1\n"),
        ("a: {b: 1,  c: 2} # x\n", ("a", "b"), "a: {c: 2} # x\n"),
        ("a: {b: 1,  c: 2}\n", ("a", "c"), "a: {b: 1}\n"),
        ("{b: {c: 2}}\n", ("b", "c"), "{}\n"),
        ("a: 1\nb: 2", ("b",), "a: 1\n"),
    ],
)
def test_one_value_is_taken_out(tmp_path, before, key, after):
    path = tmp_path / "c.yaml"
    path.write_text(before)
    assert remove_setting(path, key)
    assert path.read_text() == after
    assert not remove_setting(path, key)
    assert not remove_setting(path, ("nothing", "here"))


words = st.sampled_from(["a", "b", "c: d", "true", "8", "é", "x y"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), words, st.text(max_size=8), st.just(0.25))
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(words, documents, max_size=4), st.lists(words, min_size=1, max_size=3), documents, st.booleans())
@fuzz
def test_a_change_changes_that_and_nothing_else(tmp_path, values, key, value, flow):
    from ruamel.yaml import YAML

    path = tmp_path / "c.yaml"
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.allow_unicode = flow, True
    with path.open("w") as file:
        yaml.dump(values, file)
    try:
        before = read_settings(path).values
    except SettingsError:
        return
    expected = json.loads(json.dumps(before))
    node = expected if expected else expected.setdefault("version", 1) and expected
    for name in key[:-1]:
        node[name] = node[name] if isinstance(node.get(name), dict) else {}
        node = node[name]
    node[key[-1]] = value
    change_setting(path, tuple(key), value)
    assert read_settings(path).values == expected
    assert remove_setting(path, tuple(key))
    assert read_settings(path).values.get(key[0]) in (None, {}) or len(key) > 1


def test_an_update_sees_the_value_that_stands_there(tmp_path):
    path = tmp_path / "c.yaml"
    for number in range(3):
        update_setting(path, ("a", "list"), lambda old, number=number: [*(old or ()), number])
    assert read_settings(path).values["a"]["list"] == [0, 1, 2]


@given(st.text(max_size=40))
@fuzz
def test_no_value_gives_a_trace(text):
    try:
        parse_value(text)
    except SettingsError:
        pass


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=40))
@fuzz
def test_any_text_survives_the_file(tmp_path, text):
    path = tmp_path / "c.yaml"
    change_setting(path, ("chat", "systemPrompt"), text)
    assert parse(path, path.read_bytes().decode()).values["chat"]["systemPrompt"] == text
