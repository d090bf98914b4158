import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollm.errors import SettingsError
from ollm.settings_file import change_setting as change
from ollm.settings_file import parse
from ollm.settings_file import read_settings as read
from ollm.settings_file import remove_setting as remove

COMMENTED = """\
# my settings
model:
  default: llama3.1:8b   # the good one

  # who answers
  provider: ollama
options: {temperature: 0.5}
"""


def test_a_missing_file_is_empty(tmp_path):
    assert read(tmp_path / "none.yaml").values == {}


def test_values_are_plain_and_lines_are_known():
    file = parse(Path("c.yaml"), COMMENTED)
    assert file.values == {"model": {"default": "llama3.1:8b", "provider": "ollama"}, "options": {"temperature": 0.5}}
    assert type(file.values["options"]["temperature"]) is float
    assert file.where(("model", "provider")) == "c.yaml:6"
    assert file.where(("options", "temperature")) == "c.yaml:7"
    assert file.where(("model", "provider", "deeper")) == "c.yaml:6"
    assert file.where(("absent",)) == "c.yaml"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "c.yaml:1 is not valid YAML"),
        ("a: 1\n\tb: 2", "c.yaml:2 is not valid YAML"),
        ("a: 1\na: 2\n", "c.yaml:2 is not valid YAML: found duplicate key"),
        ("- a\n- b\n", "does not hold settings of the form `name: value`"),
        ("just text", "does not hold settings"),
        ("1: x", "has the key 1, which is not a name"),
        ("a: 2020-01-01", "which no setting takes"),
        ("version: 2", "says version: 2, but this ollm reads version 1"),
        ("a: &x\n  b: *x\n", "more than 20000 values or more than 40 levels"),
        (BOMB, "more than 20000 values"),
        ("a: !!python/object/apply:os.system ['true']", "c.yaml"),
        ("a: " + "[" * 3000, "c.yaml"),
        ("a: !!int x", "not valid YAML"),
        ("a: \x00", "not valid YAML"),
        ("%YAML 9.9\n---\na: 1", "c.yaml"),
        ("%YAML 1.3\n---\na: 1", "not valid YAML: version minor part"),
        ("a: !!timestamp >\n  x\n\n  y\n", "not valid YAML: failed to construct timestamp"),
    ],
)
def test_whatever_is_wrong_is_one_line_with_its_place(text, said):
    with pytest.raises(SettingsError) as caught:
        parse(Path("c.yaml"), text)
    (line,) = caught.value.problems
    assert said in line
    assert "\n" not in line
    assert line.startswith("c.yaml")


def test_an_anchor_may_stand_twice_and_nobody_is_warned():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse(Path("c.yaml"), "a: &x 1\nb: &x 2\nc: *x\n").values == {"a": 1, "b": 2, "c": 2}


@given(st.text(max_size=200))
def test_no_text_gives_anything_but_settings_or_their_error(text):
    try:
        parse(Path("c.yaml"), text)
    except SettingsError as error:
        assert len(error.problems) == 1


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ":",
                " ",
                "\n",
                "-",
                "&x",
                "*x",
                "{",
                "}",
                "[",
                "]",
                "!!",
                "|",
                ">",
                "'",
                '"',
                "#",
                "?",
                "1",
                "\t",
                "%",
                "<<",
            ]
        ),
        max_size=60,
    )
)
def test_no_yaml_soup_gives_anything_but_settings_or_their_error(parts):
    try:
        parse(Path("c.yaml"), "".join(parts))
    except SettingsError as error:
        assert len(error.problems) == 1


@pytest.mark.parametrize("content", [b"a: \xff\xfe", b"\x80"])
def test_a_file_that_is_not_utf8(tmp_path, content):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(SettingsError, match="is not UTF-8"):
        read(tmp_path / "c.yaml")


def test_a_folder_and_a_huge_file_are_refused(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match="folder"):
        read(tmp_path / "folder")
    (tmp_path / "huge").write_text("a: " + "x" * (1 << 20))
    with pytest.raises(SettingsError, match="larger than 1 MiB"):
        read(tmp_path / "huge")


def test_a_change_touches_nothing_else(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(COMMENTED)
    change(path, ("model", "default"), "mistral:7b")
    assert path.read_text() == COMMENTED.replace("llama3.1:8b", "mistral:7b")


def test_new_values_and_removed_ones(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(COMMENTED)
    change(path, ("options", "seed"), 7)
    change(path, ("plugins", "disabled"), ["a", "b"])
    values = read(path).values
    assert values["options"] == {"temperature": 0.5, "seed": 7}
    assert values["plugins"] == {"disabled": ["a", "b"]}
    assert remove(path, ("plugins", "disabled"))
    assert not remove(path, ("plugins", "disabled"))
    assert not remove(path, ("model", "default", "deeper"))
    assert "plugins" not in read(path).values
    assert "# who answers" in path.read_text()


def test_a_new_file_says_its_version(tmp_path):
    change(tmp_path / "c.yaml", ("model", "default"), "x")
    assert read(tmp_path / "c.yaml").values == {"version": 1, "model": {"default": "x"}}


def test_a_file_of_comments_keeps_them(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("# nothing yet\n")
    change(path, ("model", "default"), "x")
    assert path.read_text().startswith("# nothing yet\n")
    assert read(path).values["model"] == {"default": "x"}


def test_a_broken_file_is_not_written(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("a: [")
    with pytest.raises(SettingsError):
        change(path, ("a",), 1)
    assert path.read_text() == "a: ["
