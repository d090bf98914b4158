"""Do the options reach the request, from every layer and place, the right one winning?"""

from __future__ import annotations

import json
from msgspec.structs import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollm.api import GenerationOptions, Settings, SettingsError, SettingsLayer, SettingsSection, camel
from ollm.settings_file import parse
from ollm_plugins.options.extra import mistake
from ollm_plugins.options.plugin import Plugin
from ollm_plugins.options.resolve import OPTIONS, resolve
from ollm_plugins.options.settings import ModelOptions, OptionsSettings, ProviderOptions
from tests.helpers.program import ollm as program  # noqa: F401  (a fixture)
from tests.replay import ReplayServer

ALL = """
temperature: 1
maxTokens: 5
numCtx: 512
topP: 0.5
topK: 3
minP: 0.05
repeatPenalty: 1.1
repeatLastN: -1
presencePenalty: -2
frequencyPenalty: 0.5
seed: -2
stop: [a, b]
think: high
extra: {num_gpu: 0}
"""
EXPECTED = GenerationOptions(
    temperature=1.0,
    max_tokens=5,
    context_size=512,
    top_p=0.5,
    top_k=3,
    min_p=0.05,
    repeat_penalty=1.1,
    repeat_last_n=-1,
    presence_penalty=-2.0,
    frequency_penalty=0.5,
    seed=-2,
    stop=("a", "b"),
    think="high",
    extra={"num_gpu": 0},
)
LINES = dict(line.split(": ", 1) for line in ALL.strip().splitlines())


def options_of(ollm):
    ollm.ask("x")
    return ollm.provider.requests[-1].options


def indented(text, *above):
    """YAML that stands below some names."""
    for depth, name in enumerate(reversed(above)):
        text = f'"{name}":\n' + "".join(f"  {line}\n" for line in text.strip("\n").splitlines())
    return text


def test_what_is_not_set_is_left_to_the_model(ollm_app):
    assert options_of(ollm_app(Plugin)) == GenerationOptions()


@pytest.mark.parametrize("above", [("options",), ("providers", "scripted", "options"), ("models", "s*", "options")])
def test_every_option_reaches_the_request_from_a_file(ollm_app, above):
    assert options_of(ollm_app(Plugin, settings=indented(ALL, *above))) == EXPECTED


def test_every_option_has_a_variable(ollm_app):
    texts = {**LINES, "stop": "a,b", "extra": "num_gpu=0"}
    environ = {variable_of(name): text for name, text in texts.items()}
    assert options_of(ollm_app(Plugin, environ=environ)) == EXPECTED


def test_every_option_has_a_flag(program):
    with ReplayServer({"/api/chat": ["chat_think_true_stream"]}) as server:
        texts = {**LINES, "stop": "a,b", "extra": "num_gpu=0"}
        flags = [part for name, text in texts.items() for part in (flag_of(name), text)]
        done = program("--host", server.url, *flags, "-m", "qwen3:0.6b", "-p", "hi")
        assert done.code == 0, done.err
        body = server.asked("/api/chat")[-1].json
    names = {"numCtx": "num_ctx", "maxTokens": "num_predict"}
    snake = {camel(name): name for name in OPTIONS}
    wanted = {names.get(name, snake[name]): json.loads(text) for name, text in LINES.items() if name not in IRREGULAR}
    assert body["options"] == {**wanted, "stop": ["a", "b"], "num_gpu": 0}
    assert body["think"] == "high"


IRREGULAR = ("stop", "think", "extra")


def setting_of(name):
    (found,) = (each for each in fields(OptionsSettings) if camel(each.name) == name)
    return found.type.__metadata__[0]


def variable_of(name):
    return setting_of(name).env[0]


def flag_of(name):
    return setting_of(name).flags[0]


def test_variables_and_flags_follow_from_the_names():
    for name in OPTIONS:
        if name == "num_ctx":
            assert setting_of(camel(name)).env == ("OLLM_CONTEXT_SIZE", "OLLM_NUM_CTX")
            assert setting_of(camel(name)).flags == ("--num-ctx", "--context-size")
        else:
            assert setting_of(camel(name)).env == (f"OLLM_{name.upper()}",)
            assert setting_of(camel(name)).flags == (f"--{name.replace('_', '-')}",)


def test_the_older_name_of_the_context_size_is_the_stronger_variable(ollm_app):
    environ = {"OLLM_NUM_CTX": "512", "OLLM_CONTEXT_SIZE": "1024"}
    assert options_of(ollm_app(Plugin, environ=environ)).context_size == 1024
    assert options_of(ollm_app(Plugin, environ={"OLLM_NUM_CTX": "512"})).context_size == 512


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("on", True), ("YES", True), ("off", False), ("false", False), ("no", False), ("low", "low")]
    + [("medium", "medium"), ("high", "high"), ("max", "max"), ("null", None)],
)
def test_think_is_read_from_text(ollm_app, text, value):
    assert options_of(ollm_app(Plugin, environ={"OLLM_THINK": text})).think is value


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("num_gpu=0", {"num_gpu": 0}),
        ("num_gpu=0, main_gpu=1,mode=fast", {"num_gpu": 0, "main_gpu": 1, "mode": "fast"}),
        ('{"num_gpu": [1, {"a": null}]}', {"num_gpu": [1, {"a": None}]}),
    ],
)
def test_further_options_are_read_from_text(ollm_app, text, extra):
    assert options_of(ollm_app(Plugin, environ={"OLLM_EXTRA": text})).extra == extra


# Mistakes

WRONG = [
    ("temperature", "2.1", "expected a number from 0 to 2"),
    ("temperature", ".inf", "expected a finite number"),
    ("temperature", "'0.5'", "expected a number from 0 to 2 or nothing, got text"),
    ("temperature", "[1]", "expected a number from 0 to 2 or nothing, got a list"),
    ("maxTokens", "0", "expected a whole number from 1 to 2147483647"),
    ("maxTokens", "1.5", "expected a whole number from 1 to 2147483647 or nothing, got a number"),
    ("numCtx", "7", "expected a whole number from 8 to 2147483647"),
    ("topP", "-0.1", "expected a number from 0 to 1"),
    ("topK", "-1", "expected a whole number from 0 to 2147483647"),
    ("minP", "true", "expected a number from 0 to 1 or nothing, got true or false"),
    ("repeatPenalty", "0", "expected a number > 0"),
    ("repeatLastN", "-2", "expected a whole number from -1 to 2147483647"),
    ("presencePenalty", "3", "expected a number from -2 to 2"),
    ("frequencyPenalty", "-3", "expected a number from -2 to 2"),
    ("seed", "4294967296", "expected a whole number from -2147483648 to 4294967295"),
    ("stop", "x", "expected a list, got text"),
    ("stop", "[a, 1]", "expected text, got a whole number, at [1]"),
    ("think", "perhaps", "expected true, false, low, medium, high or max"),
    ("think", "1", "expected true, false, low, medium, high or max or nothing, got a whole number"),
    ("extra", "5", "expected names with values, got a whole number"),
    ("extra", "{num_ctx: 8}", "num_ctx has a setting of its own, numCtx"),
    ("extra", "{a: [1, .nan]}", "expected a finite number, at a"),
    ("extra", "{'': 1}", "a name is empty"),
]


@pytest.mark.parametrize(("name", "text", "allowed"), WRONG)
@pytest.mark.parametrize("above", [("options",), ("models", "llama3.1:8b", "options")])
def test_a_bad_value_is_one_line_with_place_and_what_is_allowed(ollm_app, name, text, allowed, above):
    app = ollm_app(Plugin, settings=indented(f"{name}: {text}\n", *above)).app
    with pytest.raises(SettingsError) as caught:
        app.check_settings()
    (line,) = caught.value.problems
    key = ".".join(f'"{part}"' if "." in part else part for part in (*above, name))
    assert line.startswith(f"{app.paths.config}:{len(above) + 1}: {key} is ")
    assert line.endswith(f": {allowed}")


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("temperature", "warm", "expected a number from 0 to 2"),
        ("temperature", "3", "expected a number from 0 to 2"),
        ("temperature", "nan", "expected a number from 0 to 2"),
        ("repeatPenalty", "inf", "expected a finite number"),
        ("repeatPenalty", "1e999", "expected a number > 0"),
        ("maxTokens", "0", "expected a whole number from 1 to 2147483647"),
        ("maxTokens", "1.5", "expected a whole number from 1 to 2147483647"),
        ("think", "perhaps", "expected true, false, low, medium, high or max"),
        ("stop", "[1]", "expected text, at [0]"),
        ("extra", "num_gpu", "expected NAME=VALUE, several joined by commas, or a JSON object"),
        ("extra", "num_predict=1", "num_predict has a setting of its own, maxTokens"),
    ],
)
def test_variables_and_flags_are_refused_in_the_same_words(program, monkeypatch, name, text, allowed):
    flagged = program(flag_of(name), text, "-p", "hi")
    assert (flagged.code, flagged.out) == (2, "")
    assert flagged.lines == [f"ollm: {flag_of(name)}: options.{name} is {text!r}: {allowed}"]
    monkeypatch.setenv(variable_of(name), text)
    assert program("-p", "hi").lines == [f"ollm: ${variable_of(name)}: options.{name} is {text!r}: {allowed}"]


def test_json_that_is_none_says_so(program):
    (line,) = program("--stop", "[a", "-p", "hi").lines
    assert line.startswith("ollm: --stop: options.stop is '[a': it is no sound JSON: ")


def test_the_flag_is_named_as_the_user_wrote_it(program):
    assert program("--context-size", "1", "-p", "x").err.startswith("ollm: --context-size: options.numCtx is '1'")
    assert program("--context-size=1", "-p", "x").err.startswith("ollm: --context-size: ")
    assert program("--num-ctx", "1", "-p", "x").err.startswith("ollm: --num-ctx: options.numCtx is '1'")


def test_ten_mistakes_under_stars_are_ten_lines(program):
    program.write(
        """\
options:
  temperature: hot
  topP: 2
models:
  llama3.1:8b:
    options:
      temperature: hot
      temprature: 1
      think: perhaps
  "qwen*":
    options: {temperature: hot, numCtx: 1}
    option: {}
providers:
  ollama:
    options:
      temperature: hot
      extra: {num_ctx: 5}
"""
    )
    done = program("config", "validate")
    places = [line.removeprefix(f"ollm: {program.config}:").split(":", 1) for line in done.lines]
    assert done.code == 2 and len(places) == 10
    assert sorted(int(line) for line, _ in places) == [2, 3, 7, 8, 9, 11, 11, 12, 16, 17]
    refused = program("-p", "hi")
    assert refused.code == 2 and refused.lines == done.lines


@pytest.mark.parametrize("name", OPTIONS)
def test_no_option_gets_past_its_range_among_the_further_ones(name):
    taken = {"extra": "num_ctx"}.get(name, name)
    assert mistake({taken: 1}).startswith(f"{taken} has a setting of its own")
    assert mistake({"num_gpu": 1, "deep": {"a": [1, "b"]}}) == ""


# Which one holds


def made(text="", environ=None, layer=None):
    sections = [
        SettingsSection("options", OptionsSettings),
        SettingsSection("providers.*.options", ProviderOptions),
        SettingsSection("models.*.options", ModelOptions),
    ]
    found = Settings(sections, parse(Path("c.yaml"), text), environ or {})
    found.use_layers([SettingsLayer("project", Path("p.yaml"), layer)] if layer else [])
    return found


def seed(settings, provider="ollama", model="llama3.1:8b"):
    (found,) = (each for each in resolve(settings, provider, model) if each.name == "seed")
    return found


PLACES = ["options", "providers.o*.options", "providers.ollama.options", "models.*.options", "models.llama*.options"]
PLACES += ["models.LLAMA3.1:8B.options", "models.llama3.1:8b.options"]
"""From the most general to the most specific."""
LAYERS = ["user", "plugin", "environment", "flag", "session"]
OFFERS = [(layer, place) for layer in LAYERS for place in PLACES if place == "options" or layer not in LAYERS[2:4]]


@given(st.sets(st.sampled_from(range(len(OFFERS)))))
@settings(max_examples=60, deadline=None)
def test_the_layer_decides_and_within_it_the_more_specific(chosen):
    files = {"user": {}, "plugin": {}}
    environ = {"OLLM_SEED": str(OFFERS.index(("environment", "options")))}
    found = [OFFERS[number] for number in chosen]
    for number in chosen:
        layer, place = OFFERS[number]
        if layer in files:
            above, _, name = place.removesuffix("options").strip(".").partition(".")
            node = files[layer].setdefault(above, {}) if above else files[layer]
            (node.setdefault(name, {}) if name else node)["options"] = {"seed": number}
    made_of = made(json.dumps(files["user"]), environ if ("environment", "options") in found else {}, files["plugin"])
    for number in chosen:
        layer, place = OFFERS[number]
        if layer == "flag":
            made_of.set_flag("options.seed", "--seed", str(number))
        elif layer == "session":
            made_of.set_session(f"{place}.seed", number)
    result = seed(made_of)
    values = [each.value for each in (result.winner, *result.beaten) if each]
    assert values == sorted(chosen, key=lambda one: (LAYERS.index(OFFERS[one][0]), PLACES.index(OFFERS[one][1])))[::-1]


@pytest.mark.parametrize(
    ("name", "model", "fits"),
    [
        ("llama3.2", "llama3.2:latest", True),
        ("llama3.2:latest", "llama3.2", True),
        ("LLAMA3.2", "llama3.2", True),
        ("llama3.2", "llama3.2:1b", False),
        ("llama3", "llama3.2", False),
        ("llama*", "llama3.2", True),
        ("LLAMA*:1B", "llama3.2:1b", True),
        ("*:1b", "llama3.2:8b", False),
        ("hf.co/*", "hf.co/a/b:Q4_K_M", True),
        ("host:5000/m", "host:5000/m:latest", True),
        ("[", "[", True),
        ("[z-a]*", "a", False),
    ],
)
def test_a_name_fits_in_any_spelling(name, model, fits):
    found = made(json.dumps({"models": {name: {"options": {"seed": 1}}}}))
    assert (seed(found, model=model).value == 1) is fits


@pytest.mark.parametrize(("name", "fits"), [("ollama", True), ("Ollama", True), ("o*", True), ("local", False)])
def test_so_does_a_providers(name, fits):
    found = made(json.dumps({"providers": {name: {"options": {"seed": 1}}}}))
    assert (seed(found).value == 1) is fits


def test_nothing_for_one_model_is_stronger_than_something_for_all(ollm_app):
    text = "options: {seed: 5, stop: [a]}\nmodels:\n  scripted:1b: {options: {seed: ~, stop: []}}\n"
    assert options_of(ollm_app(Plugin, settings=text)) == GenerationOptions()


def test_of_further_options_each_name_stands_for_itself():
    text = """
options: {extra: {num_gpu: 1, main_gpu: 2}}
models:
  llama*: {options: {extra: {num_gpu: 3, "a.b": 4}}}
"""
    found = made(text, {"OLLM_EXTRA": "main_gpu=5"})
    extra = {each.name: each for each in resolve(found, "ollama", "llama3.1:8b") if each.name.startswith("extra.")}
    assert {name: each.value for name, each in extra.items()} == {
        "extra.num_gpu": 3,
        "extra.main_gpu": 5,
        "extra.a.b": 4,
    }
    assert extra["extra.num_gpu"].beaten[0].key == "options.extra.num_gpu"
    assert extra["extra.a.b"].winner.key == 'models.llama*.options.extra."a.b"'
    assert extra["extra.main_gpu"].winner.candidate.where == "$OLLM_EXTRA"


def test_empty_names_leave_out_what_is_said_of_single_ones():
    found = made("options: {seed: 1}\nmodels: {'*': {options: {seed: 2}}}\nproviders: {'*': {options: {seed: 3}}}\n")
    assert (seed(found, "", "").value, seed(found, "x", "").value, seed(found, "", "x").value) == (1, 3, 2)
