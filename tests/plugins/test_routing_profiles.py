"""Can a profile be written in each of three ways, and does it work in a process that knows nothing else?"""

import json

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.routing.plugin import Plugin as Routing

from ollm.api import ModelChooser, ChoiceRequest, RoutingProfile, SettingsError, Specs, hookimpl
from tests.helpers.site import ROOT, Site
from tests.replay import entry
from tests.replay.state import RememberingServer

FAMILIES = """
model:
  routing:
    profiles:
      poetry:
        description: Verse, in any language
        preferredFamilies: [gemma3, llama]
        minContextWindow: 8192
        requiredCapabilities: [streaming]
        fallbackProfile: creative
"""
DECLARED = """
from ollm.api import RoutingProfile, Specs, hookimpl

class Plugin(Specs):
    @hookimpl
    def ollm_routing_profiles(self, ctx):
        return [RoutingProfile("verse", "Verse", preferred_families=("gemma3",), fallback_profile="creative")]
"""


@pytest.fixture
def server():
    """Three models, of which the oldest and smallest would never be chosen for its worth."""
    sizes = {"qwen3:8b": (5.2, "qwen3"), "llama3.1:8b": (4.9, "llama"), "gemma3:270m": (0.3, "gemma3")}
    entries = [
        entry(
            name,
            size=round(gb * 1e9),
            digest=name,
            details={"family": family, "context_length": 32768, "parameter_size": ""},
        )
        for name, (gb, family) in sizes.items()
    ]
    with RememberingServer(listed=entries) as started:
        yield started


@pytest.fixture
def site(tmp_path, server):
    made = Site(tmp_path, {"OLLAMA_HOST": server.url, "OLLM_PROVIDER": "ollama"})
    made.home.mkdir()
    return made


def answered(site, server, *words):
    done = site.run(*words, "-p", "Hello!", "-o", "json")
    assert done.exit_code == 0, done.stderr
    assert done.json["model"] == server.asked("/api/chat")[-1].json["model"]
    return done.json["model"]


def test_in_the_settings(site, server):
    assert answered(site, server, "--profile", "general") == "qwen3:8b"
    (site.home / "config.yaml").write_text(FAMILIES)
    assert answered(site, server, "--profile", "poetry") == "gemma3:270m"
    poetry = next(each for each in site.run("route", "list", "--json").json if each["name"] == "poetry")
    assert (poetry["preferredFamilies"], poetry["fallbackProfile"], poetry["origin"]) == (
        ["gemma3", "llama"],
        "creative",
        "settings",
    )


def test_by_a_plugin_that_declares_it(site, server):
    site.write("verse", DECLARED)
    assert answered(site, server, "--profile", "verse") == "gemma3:270m"
    verse = next(each for each in site.run("route", "list", "--json").json if each["name"] == "verse")
    assert verse["origin"] == "plugin 'verse'"


def test_by_a_plugin_that_ranks(site, server):
    """The example in contrib: who has answered in this repository's language before."""
    site.install(ROOT / "contrib" / "ollm-fluent")
    for number in range(50):  # more than the plugin itself has, which is installed in the same folder
        (site.folder / f"part{number}.rs").write_text("")
    counts = {"ollama/llama3.1:8b": {"rust": 3}, "ollama/gemma3:270m": {"python": 9}}
    (site.home / "fluent.json").write_text(json.dumps({"version": 1, "models": counts}))
    assert answered(site, server, "--profile", "fluent") == "llama3.1:8b"
    told = site.run("route", "explain", "--profile", "fluent", "--json").json
    assert told["chosen"] == "llama3.1:8b"
    assert "by its own function (3 against 0)" in told["reasons"][0]


# What goes wrong


@pytest.fixture
def described(ollm_app, tmp_path):
    """Decide a case with a plugin's profile, without a server."""

    def decide(*plugins, profile="mine", strict=True, settings=None, **more):
        case = {
            "available": [{"name": "qwen3:8b"}, {"name": "llama3.1:8b"}, {"name": "gemma3:270m"}],
            "profile": profile,
            **more,
        }
        (tmp_path / "case.json").write_text(json.dumps(case))
        ollm = ollm_app(Routing, Limits, Models, *plugins, strict=strict, settings=settings)
        return ollm, ollm.run_command(f"route explain --what-if {tmp_path / 'case.json'} --json")

    return decide


def ranking(function, **more):
    class Mine(Specs):
        @hookimpl
        def ollm_routing_profiles(self, ctx):
            return [RoutingProfile("mine", "Mine", rank=function, **more)]

    return Mine


def test_a_function_sees_what_is_known(described):
    seen = {}

    def rank(ctx):
        seen.update(ctx.candidates)
        return {key: -info.context_window for key, info in ctx.candidates.items()}

    _, done = described(ranking(rank))
    assert done.json["chosen"] == "gemma3:270m"
    assert {name: info.family for name, info in seen.items()} == {
        "qwen3:8b": "qwen3",
        "llama3.1:8b": "llama",
        "gemma3:270m": "gemma3",
    }


def test_a_function_sees_only_what_qualifies(described):
    calls = []
    described(ranking(lambda ctx: calls.append(sorted(ctx.candidates)) or {}), requirement={"needs": ["tools"]})
    assert calls[0] == ["llama3.1:8b", "qwen3:8b"]


def test_whom_a_function_leaves_out_comes_last(described):
    _, done = described(ranking(lambda ctx: {"gemma3:270m": -1000}))
    assert done.json["chosen"] == "gemma3:270m"


@pytest.mark.parametrize("answer", [lambda ctx: {"qwen3:8b": "high"}, lambda ctx: 3, lambda ctx: {"x": float("nan")}])
def test_a_function_without_numbers_is_told_of_and_the_score_decides(described, answer):
    ollm, done = described(ranking(answer))
    assert done.json["chosen"] == "qwen3:8b"
    assert "The profile mine of plugin 'mine' gave no numbers" in ollm.stderr.getvalue()


def test_a_function_that_fails_is_told_of_and_the_score_decides(described):
    ollm, done = described(ranking(lambda ctx: 1 / 0), strict=False)
    assert done.json["chosen"] == "qwen3:8b"
    assert "ZeroDivisionError" in ollm.stderr.getvalue()


def test_when_no_family_is_there_the_fallback_chooses_and_it_is_said(described):
    settings = "model: {routing: {profiles: {mine: {preferredFamilies: [mistral3], fallbackProfile: fast}}}}"
    _, done = described(settings=settings)
    assert done.json["profile"] == "fast"
    (notice,) = done.json["notices"]
    assert notice["code"] == "routing-fallback"
    assert "from the profile mine to fast: no installed model that qualifies is of mistral3" in notice["text"]


def test_when_no_family_is_there_and_nothing_to_fall_back_to_another_answers_and_it_is_said(described):
    settings = "model: {routing: {profiles: {mine: {preferredFamilies: [' Granite '], fallbackProfile: null}}}}"
    _, done = described(settings=settings)
    (notice,) = done.json["notices"]
    assert done.json["chosen"] == "qwen3:8b"
    assert notice["text"] == (
        "No installed model that qualifies is of Granite, as the profile mine wishes, so another model answers."
    )


def test_a_family_may_be_written_with_capitals_and_blanks(described):
    settings = "model: {routing: {profiles: {mine: {preferredFamilies: [' Gemma3 '], fallbackProfile: null}}}}"
    assert described(settings=settings)[1].json["chosen"] == "gemma3:270m"


def test_a_fallback_that_is_not_there_is_said(described):
    settings = "model: {routing: {profiles: {mine: {preferredFamilies: [granite], fallbackProfile: creativ}}}}"
    _, done = described(settings=settings)
    assert done.json["chosen"] == "qwen3:8b"
    assert done.json["notices"][0]["text"] == (
        "The profile mine falls back to creativ, and there is no such profile; did you mean creative?"
    )


def test_the_list_names_each_profile_that_is_not_there(ollm_app):
    routing = "defaultProfile: min, overrides: {mien: a}, profiles: {mine: {fallbackProfile: creativ}}"
    ollm = ollm_app(Routing, Limits, Models, settings=f"model: {{routing: {{{routing}}}}}")
    ollm.run_command("route list")
    told = ollm.stderr.getvalue()
    for wrong, right in (
        ("falls back to creativ", "creative"),
        ("a model to mien", "mine"),
        ("in force is min", "mine"),
    ):
        assert f"{wrong}, and there is no such profile; did you mean {right}?" in told


def test_no_profile_is_called_auto(described):
    _, done = described(settings="model: {routing: {profiles: {auto: {preferredFamilies: [llama]}}}}")
    assert done.exit_code == 2
    assert "no profile can be called so" in done.stderr


def test_a_required_ability_is_never_waived(described):
    settings = "model: {routing: {profiles: {mine: {requiredCapabilities: [vision], fallbackProfile: null}}}}"
    _, done = described(settings=settings)
    assert done.json["chosen"] is None
    assert "no installed model has vision" in done.json["notices"][-1]["text"]


def test_profiles_that_fall_back_to_each_other_end(described):
    one = "one: {requiredCapabilities: [vision], fallbackProfile: two}"
    two = "two: {requiredCapabilities: [vision], fallbackProfile: one}"
    _, done = described(profile="one", settings=f"model: {{routing: {{profiles: {{{one}, {two}}}}}}}")
    assert done.json["chosen"] is None


def test_a_family_is_what_the_database_says_not_how_the_name_begins(described):
    settings = "model: {routing: {profiles: {mine: {preferredFamilies: [mistral], fallbackProfile: null}}}}"
    names = [{"name": "mistral-lookalike:7b", "family": "gpt2"}, {"name": "qwen3:8b"}]
    _, done = described(settings=settings, available=names)
    assert done.json["chosen"] == "qwen3:8b"
    assert "No installed model that qualifies is of mistral" in done.json["notices"][0]["text"]


@pytest.mark.parametrize("text", ["minContextWindow: -1", "requiredCapabilities: [smell]", "preferredFamily: [llama]"])
def test_a_profile_that_is_written_wrongly_is_refused_where_it_stands(ollm_app, text):
    ollm = ollm_app(Routing, settings=f"model:\n  routing:\n    profiles:\n      mine:\n        {text}\n")
    with pytest.raises(
        SettingsError, match=r"config\.yaml:5: (there is no setting ')?model\.routing\.profiles\.mine\."
    ):
        ollm.app.check_settings()
    assert ollm.app.services.find(ModelChooser) is not None
    assert ollm.app.run(ollm.app.services.find(ModelChooser).choose(ChoiceRequest("Hi"))) is None


def test_what_is_written_wrongly_in_a_profile_is_answered_with_what_can_stand_there(ollm_app):
    profile = "{requiredCapabilities: [tool], preferedFamilies: [llama]}"
    ollm = ollm_app(Routing, settings=f"model: {{routing: {{profiles: {{mine: {profile}}}}}}}")
    with pytest.raises(SettingsError) as raised:
        ollm.app.check_settings()
    assert "expected tools, vision, thinking, streaming, embedding, at [0]" in str(raised.value)
    assert "did you mean model.routing.profiles.mine.preferredFamilies?" in str(raised.value)
