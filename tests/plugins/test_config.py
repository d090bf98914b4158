"""Can the settings be shown, changed and mended, whatever stands in the file?"""

import difflib
import json
import os
import re
import subprocess
import sys
import textwrap
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ollm.app import App
from ollm.errors import SettingsError, UsageError
from ollm.settings_file import read_settings
from ollm.api import key_of as join
from ollm.api import path_of as parse_key
from tests.helpers.program import SCRIPT, ollm  # noqa: F401  (a fixture)
from tests.helpers.strangers import install

HAND_WRITTEN = """\
# my settings
model:   # which one
    default: "llama3.1:8b"   # the good one

    # provider
    provider: ~
plugins:
    disabled:
        - abc   # why: slow
        - def
chat: {systemPrompt: 'Be terse.',maxToolRounds: 3}
options:
    stop:
    # warm
    temperature: 0.70

# the end
"""


def harmless(line):
    """Whether a line does nothing to a terminal; a character that nobody has assigned yet is none of its business."""
    return not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in line)


fuzz = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def changed(before, after):
    """The lines that are not in both, as + and -."""
    difference = difflib.ndiff(before.splitlines(True), after.splitlines(True))
    return [line[0] + line[2:].rstrip("\n") for line in difference if line[0] in "+-"]


# show, get


def test_show_lists_every_setting_with_its_value(ollm):
    ollm.write("options: {temperature: 0.5, stop: [a, b]}\n")
    done = ollm("config", "show")
    assert done.code == 0 and done.err == ""
    assert done.out.startswith("setting\tvalue\n")
    assert "options.temperature\t0.5\n" in done.out
    assert 'options.stop\t["a", "b"]\n' in done.out
    assert "model.default\t\n" in done.out


def test_show_with_origin_names_the_winner_and_the_beaten(ollm, monkeypatch):
    ollm.write("model:\n  default: from-file\n")
    monkeypatch.setenv("OLLM_MODEL", "from-variable")
    done = ollm("--model", "from-flag", "config", "show", "--origin", "model")
    line = next(line for line in done.out.splitlines() if line.startswith("model.default\t"))
    beaten = f"from-variable ($OLLM_MODEL), from-file ({ollm.config}:2), nothing (default)"
    assert line == f"model.default\tfrom-flag\t--model\t{beaten}"


def test_show_as_json_is_one_document_in_the_shape_of_the_file(ollm):
    ollm.write("options: {maxTokens: 9}\n")
    document = ollm("config", "show", "--json").json
    assert document["options"]["maxTokens"] == 9
    assert (document["model"]["default"], document["model"]["provider"]) == (None, None)
    told = ollm("config", "show", "options", "--origin", "--json").json
    assert list(told) == ["options"]
    assert told["options"]["maxTokens"] == {
        "value": 9,
        "layer": "user",
        "origin": f"{ollm.config}:1",
        "insteadOf": [{"value": None, "layer": "default", "origin": "default"}],
    }


def test_show_of_an_unknown_section_is_wrong_usage(ollm):
    done = ollm("config", "show", "optoins")
    assert done.code == 2 and "There is no setting optoins" in done.err


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("model.default", "m # 1\n"),
        ("options.stop", '["a"]\n'),
        ("options.temperature", "1.5\n"),
        ("options.seed", "\n"),
    ],
)
def test_get_prints_the_plain_value(ollm, key, said):
    ollm.write("model: {default: 'm # 1'}\noptions: {stop: [a], temperature: 1.5}\n")
    assert (ollm("config", "get", key).code, ollm("config", "get", key).out) == (0, said)
    assert (
        ollm("config", "get", key, "--json").json
        == json.loads(ollm("config", "show", "--json").out)[key.split(".")[0]][key.split(".")[1]]
    )


def test_get_of_a_bad_value_is_refused(ollm):
    ollm.write("options: {temperature: hot}\n")
    done = ollm("config", "get", "options.temperature")
    assert done.code == 2 and f"{ollm.config}:1: options.temperature is 'hot'" in done.err


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("options.temprature", "did you mean options.temperature?"),
        ("temperature", "did you mean options.temperature?"),
        ("model", "model is a section, not a setting"),
        ("model..default", "'model..default' is not the name of a setting"),
        ('model."default', "is not the name of a setting"),
        ("", "'' is not the name of a setting"),
        ("model.default.", "is not the name of a setting"),
        ("model.default.x", "There is no setting model.default.x"),
    ],
)
@pytest.mark.parametrize("command", [["get"], ["set", "--", "1"]])
def test_a_wrong_key_is_wrong_usage(ollm, key, said, command):
    word, *rest = command
    done = ollm("config", word, key, *rest[1:])
    assert done.code == 2 and said in done.err
    assert not ollm.config.exists()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ('models."llama3.1:8b".x', ("models", "llama3.1:8b", "x")),
        ("models.'llama3.1:8b'", ("models", "llama3.1:8b")),
        ('"a.b"', ("a.b",)),
        ("models.llama3:8b.x", ("models", "llama3:8b", "x")),
    ],
)
def test_keys_are_words_and_words_with_dots_are_quoted(key, words):
    assert parse_key(key) == words
    assert parse_key(join(words)) == words


@given(st.text(max_size=30))
def test_no_key_is_too_strange(text):
    try:
        words = parse_key(text)
    except UsageError:
        return
    assert all(words)


# set, unset


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("options.temperature", "0.5", 0.5),
        ("options.temperature", "1", 1),
        ("options.seed", "-3", -3),
        ("options.seed", "null", None),
        ("options.stop", "[a, 'b c']", ["a", "b c"]),
        ("options.stop", '["a", "#"]', ["a", "#"]),
        ("options.stop", "[]", []),
        ("model.default", "8", "8"),
        ("model.default", "true", "true"),
        ("model.default", "a: b # c", "a: b # c"),
        ("model.default", "[a]", "[a]"),
        ("model.default", "", ""),
        ("chat.systemPrompt", "one\ntwo\n", "one\ntwo\n"),
        ("chat.systemPrompt", " \u00e9\u2028\x07\t'\" ", " \u00e9\u2028\x07\t'\" "),
    ],
)
def test_set_writes_what_the_setting_takes(ollm, key, text, value):
    done = ollm("config", "set", key, text)
    assert (done.code, done.err) == (0, "")
    assert f"{key} is " in done.out and str(ollm.config) in done.out
    section, name = key.split(".")
    found = read_settings(ollm.config).values[section][name]
    assert found == value and type(found) is type(value)
    assert ollm("config", "validate").code == 0


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        (
            "options.temperature",
            "hot",
            "options.temperature is 'hot': expected a number from 0 to 2 or nothing, got text",
        ),
        ("options.temperature", "3", "expected a number from 0 to 2"),
        ("options.temperature", "nan", "expected a number"),
        ("options.temperature", ".inf", "a finite number"),
        ("options.temperature", "'1'", "expected a number"),
        ("options.seed", "1.5", "options.seed is 1.5"),
        ("options.seed", "[", "options.seed"),
        ("options.seed", "2024-01-01", "options.seed"),
        ("options.seed", "{a: {b: 1}}", "options.seed"),
        ("options.stop", "a", "Write a list as [a, b]."),
        ("options.stop", "[1]", "options.stop"),
        ("chat.maxToolRounds", "0", "expected a whole number >= 1"),
        ("model.default", "\udcff", "is not UTF-8"),
    ],
)
def test_set_refuses_what_does_not_fit_and_changes_nothing(ollm, key, text, said):
    ollm.write(HAND_WRITTEN)
    done = ollm("config", "set", key, text)
    assert done.code == 2 and said in done.err
    assert ollm.read() == HAND_WRITTEN


@pytest.mark.parametrize(
    ("key", "text", "lines"),
    [
        ("model.default", "x", ['-    default: "llama3.1:8b"   # the good one', "+    default: x   # the good one"]),
        ("model.provider", "local", ["-    provider: ~", "+    provider: local"]),
        ("options.temperature", "0.1", ["-    temperature: 0.70", "+    temperature: 0.1"]),
        ("options.stop", "[a]", ["-    stop:", "+    stop: [a]"]),
        ("options.seed", "7", ["+    seed: 7"]),
        ("providers.ollama.connectTimeout", "5", ["+providers:", "+    ollama:", "+        connectTimeout: 5"]),
        (
            "chat.maxToolRounds",
            "4",
            [
                "-chat: {systemPrompt: 'Be terse.',maxToolRounds: 3}",
                "+chat: {systemPrompt: 'Be terse.',maxToolRounds: 4}",
            ],
        ),
        ("plugins.disabled", "[abc, def, ghi]", ["+        - ghi"]),
        ("plugins.disabled", "[def]", ["-        - abc   # why: slow"]),
    ],
)
def test_set_keeps_every_other_byte(ollm, key, text, lines):
    ollm.write(HAND_WRITTEN)
    assert ollm("config", "set", key, text).code == 0
    after = ollm.read()
    assert changed(HAND_WRITTEN, after) == lines
    ollm.write(HAND_WRITTEN.replace("\n", "\r\n"))
    assert ollm("config", "set", key, text).code == 0
    assert ollm.read() == after.replace("\n", "\r\n")


def test_set_says_what_is_stronger(ollm, monkeypatch):
    monkeypatch.setenv("OLLM_MODEL", "mine")
    done = ollm("config", "set", "model.default", "yours")
    assert done.code == 0
    assert done.lines == ["ollm: But model.default stays mine ($OLLM_MODEL), which is stronger than your file."]


def test_set_and_unset_mend_a_file_with_mistakes(ollm):
    ollm.write("model: {defalt: x}\noptions:\n  temperature: hot # too\n")
    assert ollm("config", "validate").code == 2
    assert ollm("config", "set", "options.temperature", "1").code == 0
    assert ollm("config", "unset", "model.defalt").code == 0
    assert ollm.read() == "options:\n  temperature: 1 # too\n"
    assert ollm("config", "validate").code == 0


def test_unset(ollm):
    ollm.write(HAND_WRITTEN)
    done = ollm("config", "unset", "model.default")
    assert (done.code, done.err) == (0, "")
    assert changed(HAND_WRITTEN, ollm.read()) == ['-    default: "llama3.1:8b"   # the good one']
    assert "is not set in" in ollm("config", "unset", "model.default").out
    unknown = ollm("config", "unset", "model.defalt")
    assert unknown.code == 2 and "did you mean model.default?" in unknown.err


def test_a_setting_that_holds_names_can_be_set_by_name(ollm, tmp_path, monkeypatch):
    source = """
        from dataclasses import dataclass, field
        from typing import Annotated
        from ollm.api import Setting, SettingsSection, Specs, hookimpl

        @dataclass(frozen=True)
        class Sizes:
            \"\"\"Sizes by model.\"\"\"

            models: Annotated[dict[str, int], Setting("By model.")] = field(default_factory=dict)

        class Plugin(Specs):
            @hookimpl
            def ollm_settings_sections(self, paths):
                return [SettingsSection("sizes", Sizes)]
    """
    install(tmp_path / "site", "sizes", textwrap.dedent(source))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    key = 'sizes.models."llama3.1:8b"'
    assert ollm("config", "set", key, "many").code == 2
    done = ollm("config", "set", key, "4096")
    assert (done.code, done.err) == (0, "")
    assert ollm("config", "get", key).out == "4096\n"
    assert read_settings(ollm.config).values["sizes"]["models"] == {"llama3.1:8b": 4096}
    assert ollm("config", "validate").code == 0
    assert ollm("config", "unset", key).code == 0


def test_a_disabled_plugins_settings_are_no_mistake(ollm):
    ollm.write("plugins: {disabled: [options]}\noptions:\n  temperature: 0.5\nmodel: {default: x}\n")
    done = ollm("config", "validate")
    assert done.code == 0 and f"{ollm.config}:2: options is unknown" in done.err
    assert ollm("provider", "list", "--json").code == 0
    ollm.write("plugins: {disabled: [options]}\ntemprature: 1\n")
    assert ollm("config", "validate").code == 2


def test_changes_are_told_to_programs(ollm):
    told = ollm("config", "set", "options.stop", "[a]", "--json").json
    assert told == {"key": "options.stop", "value": ["a"], "file": str(ollm.config), "changed": True}
    assert ollm("config", "set", "options.stop", "[a]", "--json").json == {**told, "changed": False}
    gone = {"key": "options.stop", "file": str(ollm.config)}
    assert ollm("config", "unset", "options.stop", "--json").json == {**gone, "changed": True}
    assert ollm("config", "unset", "options.stop", "--json").json == {**gone, "changed": False}


def test_another_programs_variable_is_not_stronger(ollm):
    key = "providers.ollama.host"
    for words in (["set", key, "example.com"], ["unset", key]):
        assert ollm("config", *words).err == ""
    assert "$OLLAMA_HOST" in ollm("config", "show", "--origin").out


def test_what_is_stronger_goes_to_stderr_beside_json(ollm, monkeypatch):
    monkeypatch.setenv("OLLM_MODEL", "mine")
    done = ollm("config", "set", "model.default", "yours", "--json")
    assert done.json["changed"] is True and "stays mine" in done.err


def test_the_path_is_told_to_programs(ollm):
    assert ollm("config", "path", "--json").json == {"file": str(ollm.config), "exists": False}
    ollm.write("")
    assert ollm("config", "path", "--json").json["exists"] is True


def test_the_schema_is_json_with_and_without_the_flag(ollm):
    assert ollm("config", "schema", "--json").json == ollm("config", "schema").json


# Credentials

SECRET = "https://me:s3cret@example.com/x"
MASKED = "https://…@example.com/x"


def test_no_password_is_shown_but_by_get(ollm, monkeypatch):
    monkeypatch.delenv("OLLAMA_HOST")
    key = "providers.ollama.host"
    done = ollm("config", "set", key, SECRET)
    assert "s3cret" not in done.out + done.err and MASKED in done.out
    assert ollm("config", "set", key, SECRET, "--json").json["value"] == MASKED
    assert ollm("config", "get", key).out == f"{SECRET}\n"
    assert ollm("config", "get", key, "--json").json == SECRET
    assert read_settings(ollm.config).values["providers"]["ollama"]["host"] == SECRET
    monkeypatch.setenv("OLLM_HOST", SECRET.replace("s3cret", "s3cret-too"))
    for words in (
        ["show"],
        ["show", "--origin"],
        ["show", "--json"],
        ["show", "--origin", "--json"],
        ["set", key, SECRET],
        ["unset", key],
    ):
        done = ollm("config", *words)
        assert done.code == 0 and "s3cret" not in done.out + done.err and MASKED in done.out + done.err, words


# A file of any sort

MISTAKES = {
    "an open bracket": ("model: [\n", "is not valid YAML"),
    "a tab": ("model:\n\tdefault: x\n", ":2 is not valid YAML"),
    "a key twice": ("model: {}\nmodel: {}\n", ":2 is not valid YAML: found duplicate key"),
    "a list": ("- a\n- b\n", "does not hold settings of the form"),
    "a number": ("42\n", "does not hold settings of the form"),
    "two documents": ("a: 1\n---\nb: 2\n", "is not valid YAML"),
    "an unknown alias": ("a: *b\n", ":1 is not valid YAML"),
    "a tag": ("a: !!python/object/apply:os.system ['true']\n", "has the tag"),
    "an endless alias": ("a: &a\n  b: [*a]\n", ":2 holds more than"),
    "a number as key": ("1: a\n", "is not a name"),
    "a date": ("model:\n  default: 2024-01-01\n", ":2 has a "),
    "an impossible date": ("model: 2024-99-99\n", "config.yaml"),
    "not UTF-8": (b"model: \xff\n", "is not UTF-8 text (byte 7)"),
    "a null byte": ("a: \0\n", "is not valid YAML"),
    "too large": ("# " + "x" * (1 << 20) + "\n", "is larger than 1 MiB"),
    "a newer version": ("version: 2\n", "says version: 2"),
    "a bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "holds more than 20000 values",
    ),
}


@pytest.mark.parametrize("text,said", MISTAKES.values(), ids=MISTAKES.keys())
def test_an_unreadable_file_stops_no_command_that_mends_it(ollm, text, said):
    ollm.write(text)
    valid = ollm("config", "validate")
    assert (valid.code, valid.out) == (2, "") and said in valid.lines[0]
    assert valid.lines[0].startswith(f"ollm: {ollm.config}")
    show = ollm("config", "show")
    assert show.code == 0 and "model.default\t" in show.out and said in show.err
    assert ollm("config", "show", "--json").json["model"]["default"] is None
    assert ollm("config", "path").out == f"{ollm.config}\n"
    assert ollm("config", "schema").code == 0
    assert ollm("config", "validate", "--json").json == [valid.lines[0].removeprefix("ollm: ")]
    refused = ollm("config", "set", "model.default", "x")
    assert refused.code == 2 and said in refused.err
    assert ollm.config.read_bytes() == (text.encode() if isinstance(text, str) else text)
    assert ollm("provider", "list").code == 2


def test_a_file_that_is_too_deep(ollm):
    ollm.write("[" * 2000)
    done = ollm("config", "validate")
    assert done.code == 2 and done.lines == [f"ollm: {ollm.config}:1 is nested too deeply"]
    ollm.write("\n".join(f"{' ' * depth}a:" for depth in range(600)))
    done = ollm("config", "validate")
    assert done.code == 2 and done.lines == [f"ollm: {ollm.config} is nested too deeply"]


def test_a_folder_a_pipe_and_a_forbidden_file(ollm):
    ollm.config.mkdir(parents=True)
    assert "is a folder, not a file" in ollm("config", "validate").err
    ollm.config.rmdir()
    os.mkfifo(ollm.config)
    assert "is not a regular file" in ollm("config", "validate").err
    ollm.config.unlink()
    ollm.config.symlink_to("/dev/zero")
    assert "is not a regular file" in ollm("config", "validate").err
    ollm.config.unlink()
    ollm.config.symlink_to(ollm.config)
    assert "cannot be read" in ollm("config", "validate").err
    for each in ("validate", "show", "path", "schema"):
        assert ollm("config", each).code in (0, 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_file_that_may_not_be_read(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text("model: {default: x}\n")
    (home / "config.yaml").chmod(0)
    tmp_path.chmod(0o755)
    code = f"import os\nfrom pathlib import Path\nimport ruamel.yaml, encodings.idna\nfrom ollm.settings_file import read_settings\nos.setuid(65534)\ntry: read_settings(Path({str(home / 'config.yaml')!r}))\nexcept Exception as e: print(type(e).__name__, e)"
    for parent in (tmp_path.parent, tmp_path.parent.parent):
        parent.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("SettingsError") and "cannot be read: Permission denied" in done.stdout


def test_ten_mistakes_are_ten_lines(ollm):
    ollm.write(
        textwrap.dedent("""\
        model:
          defalt: x
          provider: 3
        plugins:
          disabled: none
        options:
          temperature: hot
          maxTokens: 0
          topP: 7
          stop: [1]
          seeed: 1
        chat:
          maxToolRounds: many
        colour: blue
        """)
    )
    done = ollm("config", "validate")
    assert done.code == 2 and len(done.lines) == 10
    lines = {int(line.split(":")[2]): line for line in done.lines}
    assert sorted(lines) == [2, 3, 5, 7, 8, 9, 10, 11, 13, 14]
    assert "'model.defalt'; did you mean model.default?" in lines[2]
    assert "did you mean options.seed?" in lines[11]
    assert len(ollm("config", "validate", "--json").json) == 10
    refused = ollm.real("-p", "hi")
    assert refused.code == 2 and refused.lines == done.lines


def test_validate_of_nothing(ollm):
    done = ollm("config", "validate")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{ollm.config} does not exist; the settings are valid\n"
    ollm.write("model: {default: x}\n")
    assert ollm("config", "validate").out == f"{ollm.config} is valid\n"
    assert ollm("config", "validate", "--json").json == []


def test_a_bad_variable_is_named(ollm, monkeypatch):
    monkeypatch.setenv("OLLM_TEMPERATURE", "warm")
    done = ollm("config", "validate")
    assert done.code == 2 and "$OLLM_TEMPERATURE: options.temperature is 'warm'" in done.err


def test_the_schema_accepts_what_show_prints(ollm):
    schema = ollm("config", "schema").json
    shown = ollm("config", "show", "--json").json
    for section, fields in shown.items():
        assert set(fields) == set(schema["properties"][section]["properties"])


pieces = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        "model options plugins disabled default temperature version : , - # [ ] { } & * ! !! | > ' \" % @ ` ? ~ << "
        "\n \n \n \t \r \0 \ufeff \u2028 0x1F 1e999 .nan 2024-01-01 12:30:45 --- ... %YAML *a &a !!set !!binary !!float "
        "!!timestamp !!int !!omap !!pairs".split(" ")
    ),
    st.sampled_from(["  ", ": ", "- ", "\n  ", "\n", ": [", "a: "]),
)


@given(st.lists(pieces, max_size=14).map("".join))
@fuzz
def test_no_file_gives_a_trace(ollm, text):
    data = text.encode("utf-8", "surrogatepass")
    ollm.write(data)
    done = ollm("config", "validate")
    assert done.code in (0, 2), done.err
    assert "Traceback" not in done.err
    assert all(line.startswith("ollm: ") for line in done.err.split("\n")[:-1]), done.err
    assert ollm("config", "show").code == 0
    was_readable = "is valid" in done.out
    changed = ollm("config", "set", "options.seed", "5")
    assert changed.code in (0, 2), changed.err
    if changed.code:
        assert ollm.config.read_bytes() == data and not was_readable
    else:
        assert read_settings(ollm.config).values["options"]["seed"] == 5


@given(st.binary(max_size=40))
@fuzz
def test_no_bytes_give_a_trace(ollm, data):
    ollm.write(data)
    done = ollm("config", "validate")
    assert done.code in (0, 2) and "Traceback" not in done.err


VALID = """\
version: 1
model: {default: 'llama3.1:8b', provider: ollama}
chat:
  systemPrompt: Be brief.   # always
  maxToolRounds: 3
options:
  temperature: 0.5
  stop: [END, "a,b"]
  think: high
  extra: {num_gpu: 0}
providers:
  ollama: {host: 'http://127.0.0.1:9', connectTimeout: 1.5, options: {numCtx: 2048}}
models:
  llama3.1:8b:
    options: {seed: 7, topP: ~}
  "qwen*": &all
    options:
      repeatLastN: -1
  other: *all
"""
strange = st.sampled_from(
    [
        "~",
        "[]",
        "{}",
        "-1",
        "1e999",
        ".nan",
        "''",
        "true",
        "- x",
        "{a: {b: [c]}}",
        "9" * 30,
        "!!str 5",
        "*all",
        "&all x",
    ]
    + [
        '"\\e[2J"',
        "2024-01-01",
        "0x1F",
        "? x",
        "\u2028",
        "<<: *all",
        "options:",
        "models:",
        '"*"',
        "'['",
        "\n",
        "\t",
        "  ",
    ]
)


@st.composite
def mutated(draw):
    """A valid file of which some places say something else."""
    text = VALID
    for _ in range(draw(st.integers(1, 3))):
        words = list(re.finditer(r"[^\s:{},]+", text)) or [re.match("", text)]
        found = draw(st.sampled_from(words))
        put = draw(st.one_of(strange, st.text(max_size=4), st.just("")))
        text = text[: found.start()] + put + text[found.end() :]
    return text


@given(mutated())
@settings(fuzz, max_examples=30)
def test_no_change_to_a_valid_file_gives_a_trace(ollm, text):
    ollm.write(text.encode("utf-8", "surrogatepass"))
    valid = ollm("config", "validate")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OLLM_PROVIDER", "ollama")
        patch.setenv("OLLM_HOST", "http://127.0.0.1:9")
        asked, told = ollm("-m", "m", "-p", "hi"), ollm("options", "llama3.1:8b")
    shown = ollm("config", "show", "--origin", "--json")
    assert (valid.code, asked.code, told.code) in ((0, 4, 0), (2, 2, 2)), (valid.err, asked.err, told.err)
    assert shown.code == 0 and shown.json
    if valid.code == 2:
        assert asked.lines == told.lines == valid.lines
    for done in (valid, asked, told, shown):
        assert all(line.startswith("ollm: ") and harmless(line) for line in done.err.split("\n")[:-1]), done.err


def test_the_valid_file_is_valid(ollm):
    ollm.write(VALID)
    assert ollm("config", "validate").err == ""
    assert ollm("config", "get", "models.other.options.repeatLastN").out == "-1\n"


VARIABLES = ("OLLM_TEMPERATURE", "OLLM_MAX_TOKENS", "OLLM_SEED", "OLLM_STOP", "OLLM_THINK", "OLLM_EXTRA", "OLLM_MODEL")
FLAGS = ("--temperature", "--max-tokens", "--seed", "--stop", "--think", "--extra", "--model")
values = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=()), max_size=12),
    st.text("0123456789.-+eE_ ,=[]{}\"'null", max_size=10),
    st.sampled_from(
        ["[" * 500, '{"a": ' * 200, "1" * 400, "nan", "-inf", "[1e999]", '{"a": NaN}', "=", "a=", "=b", ",", " "]
    ),
)


@given(st.sampled_from(VARIABLES), values)
@example("OLLM_TEMPERATURE", "\ud800")
@example("OLLM_THINK", "1,\udc80")
@fuzz
def test_no_variable_gives_a_trace(tmp_path, name, value):
    app = App({"OLLM_HOME": str(tmp_path), name: value})
    try:
        app.check_settings()
    except SettingsError as error:
        (line,) = error.problems
        assert line.startswith(f"${name}: ") and harmless(line) and len(line) < 400


@given(st.sampled_from(FLAGS), values)
@example("--temperature", "\ud800")
@example("--seed", "\udc80")
@settings(fuzz, max_examples=40)
def test_no_flag_gives_a_trace(ollm, flag, value):
    done = ollm(f"{flag}={value}", "config", "validate")
    assert done.code in (0, 2), done.err
    if done.code:
        (line,) = done.err.split("\n")[:-1]
        assert line.startswith(f"ollm: {flag}: ") and harmless(line)


# Settings for each name that the user gives

NAMED = """\
# mine
models:
  "llama3.1:8b":   # the good one
    options:
      seed: 4   # fair
providers:
  ollama: {options: {topK: 3}}
"""


@pytest.mark.parametrize(
    "key",
    ['models."llama3.1:8b".options.temperature', "models.llama3.1:8b.options.temperature"],
    ids=["quoted", "bare"],
)
def test_a_setting_of_one_model_is_set_shown_and_unset(ollm, key):
    ollm.write(NAMED)
    full = 'models."llama3.1:8b".options.temperature'
    done = ollm("config", "set", key, "0.2")
    assert (done.code, done.err, done.out) == (0, "", f"{full} is 0.2 in {ollm.config}\n")
    assert changed(NAMED, ollm.read()) == ["+      temperature: 0.2"]
    assert ollm("config", "get", key).out == "0.2\n"
    line = next(line for line in ollm("config", "show", "--origin").out.splitlines() if line.startswith(full))
    assert line == f"{full}\t0.2\t{ollm.config}:6\tnothing (default)"
    assert ollm("config", "unset", key).out == f"{full} is no longer set in {ollm.config}\n"
    assert ollm.read() == NAMED


def test_a_new_model_a_glob_and_a_further_option_are_set(ollm):
    for key, text in (("models.qwen*.options.think", "on"), ("models.new.options.extra.num_gpu", "0")):
        assert ollm("config", "set", key, text).code == 0
    values = read_settings(ollm.config).values["models"]
    assert values == {"qwen*": {"options": {"think": True}}, "new": {"options": {"extra": {"num_gpu": 0}}}}
    assert ollm("config", "validate").code == 0
    assert ollm("config", "get", "models.new.options.extra.num_gpu").out == "0\n"


@pytest.mark.parametrize("section", ["models", "models.llama3.1:8b", 'models."llama3.1:8b".options'])
def test_the_settings_of_one_model_are_a_section(ollm, section):
    ollm.write(NAMED)
    rows = ollm("config", "show", section).out.splitlines()
    assert rows == ["setting\tvalue", 'models."llama3.1:8b".options.seed\t4']


def test_a_section_in_which_nothing_is_set_is_no_mistake(ollm):
    done = ollm("config", "show", "models")
    assert (done.code, done.out, done.err) == (0, "setting\tvalue\n", "")
    assert ollm("config", "show", "modells").code == 2


def test_what_is_refused_for_one_model_names_it(ollm):
    ollm.write(NAMED)
    done = ollm("config", "set", "models.llama3.1:8b.options.think", "perhaps")
    said = (
        "the value: models.\"llama3.1:8b\".options.think is 'perhaps': expected true, false, low, medium, high or max"
    )
    assert (done.code, done.lines[0]) == (2, f"ollm: {said}")
    near = ollm("config", "set", "models.llama3.1:8b.options.temprature", "1")
    assert near.code == 2 and "There is no setting" in near.err
    assert ollm.read() == NAMED


# Two processes, a full disk


def test_two_processes_lose_nothing(ollm):
    ollm.write("# mine\n")
    keys = ["options.seed", "options.topK", "options.maxTokens", "chat.maxToolRounds"]
    running = [ollm.process("config", "set", key, "5") for key in keys]
    running += [ollm.process("plugins", "disable", name) for name in ("memory", "oneshot")]  # no other sets theirs
    assert [process.wait(240) for process in running] == [0] * len(running), [each.stderr.read() for each in running]
    values = read_settings(ollm.config).values
    assert values["options"] == {"seed": 5, "topK": 5, "maxTokens": 5}
    assert values["chat"] == {"maxToolRounds": 5}
    assert sorted(values["plugins"]["disabled"]) == ["memory", "oneshot"]
    assert ollm.read().startswith("# mine\n")


def test_a_full_disk_leaves_the_old_file(ollm):
    ollm.write(HAND_WRITTEN)
    code = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "from ollm.cli import main\n"
        "sys.exit(main(['config', 'set', 'model.default', 'x']))"
    )
    environ = {**os.environ, "OLLM_HOME": str(ollm.home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "could not be written: File too large" in done.stderr
    assert "Its former content is untouched." in done.stderr
    assert ollm.read() == HAND_WRITTEN
    assert sorted(path.name for path in ollm.home.iterdir()) == ["config.yaml", "config.yaml.lock"]


def test_the_real_program(ollm):
    done = ollm.real("config", "set", "options.temperature", "0.5")
    assert (done.code, done.err) == (0, "")
    assert ollm.real("config", "get", "options.temperature").out == "0.5\n"
    assert Path(SCRIPT).exists() and ollm.real("config", "show", "--json").json["options"]["temperature"] == 0.5
    assert ollm.real("config", "get", "options.temprature").code == 2


def test_neither_pydantic_nor_yaml_is_imported_to_print_the_path(ollm):
    code = "import sys; from ollm.cli import main; main(['config', 'path']); print(sorted({'pydantic', 'ruamel', 'rich', 'httpx', 'prompt_toolkit'} & set(sys.modules)))"
    environ = {**os.environ, "OLLM_HOME": str(ollm.home)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
