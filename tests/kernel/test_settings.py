import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from ollm.contributions import Setting, SettingsLayer, SettingsSection, SettingsValue
from ollm.errors import SettingsError, UsageError
from ollm.sections import ModelSettings
from ollm.settings import Settings
from ollm.settings_model import KERNEL_SECTIONS, camel, section_mistake
from ollm.settings_file import parse


class Inner(SettingsValue, frozen=True):
    depth: int = 1
    max_width: int = 2


@dataclass(frozen=True)
class Tuning:
    """Everything a section can hold."""

    name: Annotated[str, Setting("A name.", env=("TUNING_NAME", "OTHER_NAME"))] = "plain"
    ratio: Annotated[float, Setting("A ratio.", env=("TUNING_RATIO",), ge=0, le=1)] = 0.5
    max_size: Annotated[int | None, Setting("A size.", env=("TUNING_SIZE",), gt=0)] = None
    quick: Annotated[bool, Setting("A switch.", env=("TUNING_QUICK",))] = False
    words: Annotated[tuple[str, ...], Setting("A list.", env=("TUNING_WORDS",))] = ()
    host: Annotated[str, Setting("An address.", project=False, borrowed=("FOREIGN_HOST",))] = "here"
    inner: Annotated[dict[str, Inner], Setting("By name.")] = None


def make(text="", environ=None):
    sections = (*KERNEL_SECTIONS, SettingsSection("tuning.knobs", Tuning))
    return Settings(sections, parse(Path("c.yaml"), text), environ or {})


def knobs(text):
    return "tuning:\n  knobs:\n" + "".join(f"    {line}\n" for line in text.splitlines())


def test_defaults_hold_when_nothing_is_set():
    assert make().section(Tuning) == Tuning()
    assert make().origin("tuning.knobs.name") == "default"


def test_each_layer_beats_the_one_below():
    settings = make(knobs("name: file"), {"OTHER_NAME": "other", "TUNING_NAME": "variable"})
    settings.use_layers([SettingsLayer("team", Path("team.yaml"), {"tuning": {"knobs": {"name": "layer"}}})])
    seen = [(c.layer, c.where, c.raw) for c in settings.candidates("tuning.knobs.name")]
    assert seen == [
        ("default", "default", "plain"),
        ("user", "c.yaml:3", "file"),
        ("plugin", "team.yaml", "layer"),
        ("environment", "$OTHER_NAME", "other"),
        ("environment", "$TUNING_NAME", "variable"),
    ]
    assert settings.section(Tuning).name == "variable"
    settings.set_flag("tuning.knobs.name", "--name", "flag")
    assert (settings.section(Tuning).name, settings.origin("tuning.knobs.name")) == ("flag", "--name")
    settings.set_session("tuning.knobs.name", "session")
    assert (settings.section(Tuning).name, settings.origin("tuning.knobs.name")) == ("session", "this session")


def test_an_empty_variable_is_not_set():
    assert make(environ={"TUNING_NAME": ""}).section(Tuning).name == "plain"


def test_variables_are_read_in_the_type_of_their_setting():
    environ = {"TUNING_RATIO": "0.25", "TUNING_SIZE": "7", "TUNING_QUICK": "true", "TUNING_WORDS": "a, b,"}
    assert make(environ=environ).section(Tuning) == Tuning(ratio=0.25, max_size=7, quick=True, words=("a", "b"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ratio: 1.5", "c.yaml:3: tuning.knobs.ratio is 1.5: expected a number from 0 to 1"),
        ("ratio: '0.5'", "c.yaml:3: tuning.knobs.ratio is '0.5': expected a number from 0 to 1, got text"),
        ("ratio: true", "c.yaml:3: tuning.knobs.ratio is True: expected a number from 0 to 1, got true or false"),
        ("maxSize: 0", "c.yaml:3: tuning.knobs.maxSize is 0: expected a whole number >= 1"),
        (
            "maxSize: 1.5",
            "c.yaml:3: tuning.knobs.maxSize is 1.5: expected a whole number >= 1 or nothing, got a number",
        ),
        ("quick: 1", "c.yaml:3: tuning.knobs.quick is 1: expected true or false, got a whole number"),
        ("name: 8", "c.yaml:3: tuning.knobs.name is 8: expected text, got a whole number"),
        ("name:", "c.yaml:3: tuning.knobs.name is None: expected text, got nothing"),
        ("words: one", "c.yaml:3: tuning.knobs.words is 'one': expected a list, got text"),
        ("max_size: 3", "c.yaml:3: there is no setting 'tuning.knobs.max_size'; did you mean tuning.knobs.maxSize?"),
        ("ratoi: 1", "c.yaml:3: there is no setting 'tuning.knobs.ratoi'; did you mean tuning.knobs.ratio?"),
        ("zzz: 1", "c.yaml:3: there is no setting 'tuning.knobs.zzz'"),
        ("inner: {a: {depth: x}}", "expected a whole number, got text, at a.depth"),
        ("inner: {a: {max_width: 1}}", "object contains unknown field max_width, at a"),
        ("inner: {a: {maxWidth: 1, zzz: 1}}", "object contains unknown field zzz, at a"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(line, said):
    (problem,) = make(knobs(line)).problems()
    assert said in problem
    assert "\n" not in problem


def test_nested_values_are_typed_and_in_camel_case():
    settings = make(knobs("inner: {a: {depth: 5, maxWidth: 9}}"))
    assert settings.problems() == []
    assert settings.section(Tuning).inner == {"a": Inner(5, 9)}


def test_a_whole_section_of_the_wrong_kind_is_said():
    (problem,) = make("tuning:\n  knobs: 5\n").problems()
    assert problem.startswith("c.yaml:2: ")


def test_every_mistake_is_said_and_the_first_access_fails():
    settings = make("model:\n  default: [1]\n" + knobs("ratio: 9\nmaxSize: no\nfoo: 1"))
    with pytest.raises(SettingsError) as caught:
        settings.validate()
    assert len(caught.value.problems) == 4
    with pytest.raises(SettingsError, match="model.default"):
        settings.section(ModelSettings)


def test_a_bad_variable_and_a_bad_flag_name_themselves():
    settings = make(environ={"TUNING_RATIO": "much"})
    with pytest.raises(SettingsError, match=r"^\$TUNING_RATIO: tuning.knobs.ratio is 'much': "):
        settings.validate()
    settings.set_flag("tuning.knobs.ratio", "--ratio", 7.0)
    with pytest.raises(SettingsError, match="^--ratio: "):
        settings.validate()


def test_a_layer_cannot_set_what_is_the_users_own():
    settings = make()
    settings.use_layers(
        [SettingsLayer("p", Path("p.yaml"), {"tuning": {"knobs": {"host": "evil"}}}, {"tuning.knobs.host": 2})]
    )
    assert settings.section(Tuning).host == "here"
    assert settings.validate() == ["p.yaml:2: tuning.knobs.host is ignored: only your own settings may set it"]


def test_what_a_layer_may_not_say_is_ignored_and_said():
    settings = make()
    settings.use_layers([SettingsLayer("p", Path("p.yaml"), {"systemPrompt": "x"})])
    assert settings.validate() == [
        "p.yaml: there is no setting 'systemPrompt'; did you mean chat.systemPrompt? (ignored)"
    ]


def test_a_variable_of_another_program_only_fills_a_gap():
    borrowed = make(environ={"FOREIGN_HOST": "foreign"})
    assert (borrowed.section(Tuning).host, borrowed.is_set("tuning.knobs.host")) == ("foreign", False)
    both = make(knobs("host: mine"), {"FOREIGN_HOST": "foreign"})
    assert (both.section(Tuning).host, both.is_set("tuning.knobs.host")) == ("mine", True)


def test_a_flag_of_a_list_is_read_like_a_variable():
    settings = make()
    settings.set_flag("tuning.knobs.words", "--words", "a,b")
    assert settings.section(Tuning).words == ("a", "b")


def test_a_password_in_a_bad_value_is_not_shown():
    (problem,) = make(knobs("ratio: http://me:secret@host")).problems()
    assert "secret" not in problem


def test_a_bad_session_value_changes_nothing():
    settings = make()
    with pytest.raises(SettingsError):
        settings.set_session("tuning.knobs.ratio", 3.0)
    assert settings.section(Tuning).ratio == 0.5


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(SettingsError, match=r"did you mean model.default\?"):
        make().get("model.defualt")


def test_control_characters_in_a_value_are_shown():
    (problem,) = make(knobs('ratio: "\\e[2J"')).problems()
    assert "\x1b" not in problem


@dataclass(frozen=True)
class Bare:
    """Lacks a default."""

    name: Annotated[str, Setting("A name.")]


@dataclass(frozen=True)
class Strange:
    """Holds what no file can."""

    place: Annotated[Path, Setting("A path.")] = Path()
    also: Annotated[str | None, Setting("Text.")] = None


@pytest.mark.parametrize(
    ("name", "model", "said"),
    [
        ("x", Bare, "no default: name"),
        ("model", Tuning, "the kernel's own"),
        ("x", int, "not a dataclass"),
        ("x", Strange, "a type that YAML cannot hold: place"),
        ("x", Tuning, ""),
    ],
)
def test_a_plugins_section_is_checked(name, model, said):
    mistake = section_mistake(SettingsSection(name, model))
    assert (said in mistake) if said else mistake == ""


def test_camel_case():
    assert [camel(name) for name in ("a", "max_tokens", "a_b_c")] == ["a", "maxTokens", "aBC"]


def test_plain_values_are_accepted_without_importing_pydantic():
    code = (
        "import sys; from ollm.settings import *; from ollm.settings_model import *; from ollm.settings_file import SettingsFile; from pathlib import Path\n"
        "s = Settings(KERNEL_SECTIONS, SettingsFile(Path('c')), {'OLLM_MODEL': 'm'}); s.set_flag('model.provider', '-x', 'p')\n"
        "s.validate(); assert s.section(ModelSettings) == ModelSettings('m', 'p')\n"
        "assert 'pydantic' not in sys.modules and 'ruamel' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@dataclass(frozen=True)
class Each:
    seed: Annotated[int | None, Setting("A seed.", env=("EACH_SEED",), flags=("--each-seed",), ge=0)] = None
    name: Annotated[str, Setting("A name.")] = "nobody"


def each_model(text, **more):
    path = Path("config.yaml")
    sections = [SettingsSection("models.*.options", Each), SettingsSection("providers.*.options", Each2)]
    return Settings([*sections, SettingsSection("providers.acme", Acme)], parse(path, text), more)


@dataclass(frozen=True)
class Each2(Each):
    """Another section of the same fields."""


@dataclass(frozen=True)
class Acme:
    host: Annotated[str, Setting("Where.")] = "here"


def test_a_star_stands_for_the_names_that_the_user_gives():
    text = """
models:
  llama3.1:8b: {options: {seed: 5}}
  "*":
    options: {name: all}
providers:
  acme: {host: there, options: {seed: 2}}
"""
    settings = each_model(text, EACH_SEED="9")
    settings.validate()
    assert settings.entries("models.*.options") == ("llama3.1:8b", "*")
    assert settings.section(Each, "llama3.1:8b") == Each(5, "nobody")
    assert settings.section(Each, "*") == Each(None, "all")
    assert settings.section(Each, "other") == Each()
    assert settings.get('models."llama3.1:8b".options.seed') == 5
    assert settings.origin('models."llama3.1:8b".options.seed') == "config.yaml:3"
    assert settings.get("providers.acme.options.seed") == 2
    assert [field.key for field in settings.all_fields()] == [
        'models."llama3.1:8b".options.seed',
        "models.*.options.name",
        "providers.acme.options.seed",
        "providers.acme.host",
    ]


def test_the_session_gives_names_too():
    settings = each_model("")
    settings.set_session('models."a:1b".options.seed', 3)
    assert settings.entries("models.*.options") == ("a:1b",)
    assert settings.section(Each, "a:1b").seed == 3
    assert settings.unset_session('models."a:1b".options.seed')
    assert not settings.unset_session('models."a:1b".options.seed')
    assert settings.section(Each, "a:1b").seed is None


def test_each_mistake_under_a_star_is_a_line_of_its_own():
    text = """
models:
  a:1b:
    options: {seed: -1, sed: 2}
    option: {}
  b: 5
  c:
providers:
  acme: {hots: x}
  other: {options: {seed: x}, host: y}
"""
    with pytest.raises(SettingsError) as error:
        each_model(text).validate()
    assert sorted(error.value.problems) == [
        "config.yaml:10: providers.other.options.seed is 'x': expected a whole number >= 0 or nothing, got text",
        "config.yaml:10: there is no setting 'providers.other.host'; did you mean providers.acme.host?",
        "config.yaml:4: models.a:1b.options.seed is -1: expected a whole number >= 0",
        "config.yaml:4: there is no setting 'models.a:1b.options.sed'; did you mean models.a:1b.options.seed?",
        "config.yaml:5: there is no setting 'models.a:1b.option'; did you mean models.a:1b.options.seed?",
        "config.yaml:6: there is no setting 'models.b'",
        "config.yaml:9: there is no setting 'providers.acme.hots'; did you mean providers.acme.host?",
    ]


def test_the_schema_knows_a_star():
    from ollm.settings_schema import settings_schema

    schema = settings_schema(each_model("").sections)
    properties = schema["properties"]
    seed = properties["models"]["additionalProperties"]["properties"]["options"]["properties"]["seed"]
    assert seed["description"] == "A seed."
    assert properties["providers"]["properties"]["acme"]["properties"]["options"]["properties"]["seed"] == seed
    assert properties["providers"]["additionalProperties"]["properties"].keys() == {"options"}


@pytest.mark.parametrize("key", ["", "a..b", 'a."b', "."])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(UsageError, match="is not the name of a setting"):
        each_model("").get(key)


@dataclass(frozen=True)
class Formed:
    """A text with a form, alone and in a mapping."""

    time: Annotated[int | str, Setting("A time.", env=("FORMED_TIME",), ge=0, pattern="^[0-9]+m$", form="minutes")] = 1
    times: Annotated[dict[str, int | str], Setting("By name.", ge=0, pattern="^[0-9]+m$", form="minutes")] = None


def formed(values, environ=None):
    text = "tuning: {formed: " + values + "}"
    section = SettingsSection("tuning.formed", Formed)
    return Settings((*KERNEL_SECTIONS, section), parse(Path("c.yaml"), text), environ or {})


def test_a_text_with_a_form_is_held_to_it():
    assert formed("{time: 5m, times: {a: 3, b: 4m}}").section(Formed) == Formed("5m", {"a": 3, "b": "4m"})
    assert formed("{}", {"FORMED_TIME": "7m"}).get("tuning.formed.time") == "7m"
    for values, said in (
        ("{time: soon}", "tuning.formed.time is 'soon': expected minutes"),
        ("{times: {a: 1, b: soon}}", "tuning.formed.times is .*: expected minutes, at b"),
        ("{times: {a: -1}}", "tuning.formed.times is .*, at a"),
    ):
        with pytest.raises(SettingsError, match=said):
            formed(values).validate()


def test_a_star_may_stand_at_the_end():
    settings = Settings(
        [SettingsSection("things.*", Each)], parse(Path("c.yaml"), "things: {a: {seed: 1}, b: {sed: 2}}"), {}
    )
    assert not list(SettingsSection("things.*", Each).mistakes())
    assert settings.section(Each, "a").seed == 1
    with pytest.raises(SettingsError, match=r"no setting 'things\.b\.sed'; did you mean things\.b\.seed"):
        settings.validate()


def test_each_mistake_in_a_setting_that_holds_names_is_a_line():
    settings = make("tuning: {knobs: {inner: {a: {depth: x}, b: {depth: 1}, c: {width: 1}, d: 5}}}")
    with pytest.raises(SettingsError) as error:
        settings.validate()
    assert [problem.rpartition(", at ")[2] for problem in error.value.problems] == ["a.depth", "c", "d"]


POSTPONED = '''
from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from ollm.api import Setting


class Base(Struct, frozen=True):
    """Made for a test."""

    size: Annotated[int, Setting("How many.", ge=1)] = 3
    names: Annotated[tuple[str, ...], Setting("Which.")] = ()


class Derived(Base, frozen=True):
    """With more."""

    by_name: Annotated[dict[str, int], Setting("Each.")] = {}


class Bare(Struct, frozen=True):
    """Without a default."""

    size: Annotated[int, Setting("How many.")]
'''


def test_a_section_may_be_a_struct(ollm_app, tmp_path, monkeypatch):
    from ollm.api import SettingsError, SettingsSection, Specs, hookimpl

    (tmp_path / "struct_section.py").write_text(POSTPONED)
    monkeypatch.syspath_prepend(str(tmp_path))

    class Plugin(Specs):
        @hookimpl
        def ollm_settings_sections(self, paths):
            return [SettingsSection("made", "struct_section:Derived"), SettingsSection("bare", "struct_section:Bare")]

    ollm = ollm_app(Plugin, settings="made: {names: [a, b], byName: {x: 1}}", strict=False)
    import struct_section

    made = ollm.app.settings.section(struct_section.Derived)
    assert (made.size, made.names, made.by_name) == (3, ("a", "b"), {"x": 1})
    assert [failure.cause for failure in ollm.failures] == ["these fields have no default: size"]
    with pytest.raises(SettingsError, match="made.size is 0"):
        ollm_app(Plugin, settings="made: {size: 0}", strict=False).app.check_settings()
