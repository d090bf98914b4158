"""Do the user's judgements of answers count where a profile falls back to another, and only where they should?"""

from __future__ import annotations

import json

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.routing.plugin import Plugin as Routing
from ollm_plugins.routing.score import counting

from ollm.api import (
    ChoiceRequest,
    Comparison,
    ModelChooser,
    ModelMemory,
    ModelPreferences,
    PromptClassifier,
    Service,
    Specs,
    hookimpl,
)
from tests.replay import entry
from tests.replay.state import RememberingServer

OTHER, USUAL = "mistral:7b", "gemma2:9b"
AVAILABLE = [{"name": OTHER, "size_gb": 5.2}, {"name": USUAL, "size_gb": 4.9}]
"""None of them is made for code, so that the profile `code` falls back to `general`."""
CHAIN = """
model:
  routing:
    enabled: true
    profiles:
      verse: {preferredFamilies: [no-such], fallbackProfile: poetry}
      poetry: {preferredFamilies: [nor-such], fallbackProfile: creative}
"""


@pytest.fixture
def here(ollm_app):
    return lambda *plugins, **options: ollm_app(Routing, Limits, Models, Options, Ollama, *plugins, **options)


@pytest.fixture
def preferred(here, tmp_path):
    """Return what the judgements are worth to the other one in a case, and what was told."""

    def decide(profile, *judgements, settings=""):
        names = ("profile", "a", "b", "wins_a", "wins_b")
        said = [dict(zip(names, each, strict=True)) for each in judgements]
        path = tmp_path / "case.json"
        path.write_text(json.dumps({"available": AVAILABLE, "profile": profile, "preferences": said}))
        told = here(settings=settings).run_command(f"route explain --what-if {path} --json").json
        parts = {each["name"]: each["parts"]["preference"] for each in told["candidates"]}
        assert parts[OTHER] == -parts[USUAL]
        return parts[OTHER], told

    return decide


def test_judgements_in_the_profile_that_was_asked_for_count_after_a_fallback(preferred):
    assert preferred("code")[1]["chosen"] == USUAL
    worth, told = preferred("code", ("code", OTHER, USUAL, 30, 0))
    assert (told["chosen"], told["profile"]) == (OTHER, "general")
    assert worth > 0
    assert f"Your comparisons in code and general speak for {OTHER} rather than {USUAL}" in " ".join(told["reasons"])


@pytest.mark.parametrize(
    ("profile", "judgements", "sign"),
    [
        ("code", [("general", OTHER, USUAL, 6, 0)], 1),
        ("code", [("code", OTHER, USUAL, 6, 0), ("general", OTHER, USUAL, 0, 40)], 1),
        ("code", [("general", OTHER, USUAL, 0, 40), ("code", USUAL, OTHER, 0, 6)], 1),
        ("code", [("code", OTHER, USUAL, 3, 0)], 0),
        ("code", [("code", OTHER, USUAL, 3, 0), ("general", USUAL, OTHER, 0, 3)], 1),
        ("code", [("code", OTHER, USUAL, 2, 1), ("general", USUAL, OTHER, 9, 0)], -1),
        ("code", [("creative", OTHER, USUAL, 40, 0)], 0),
        ("general", [("code", OTHER, USUAL, 40, 0)], 0),
        ("creative", [("general", OTHER, USUAL, 40, 0)], 0),
    ],
)
def test_those_of_the_profile_asked_for_go_first_and_others_help_where_they_are_not_clear(
    preferred, profile, judgements, sign
):
    worth, _ = preferred(profile, *judgements)
    assert (worth > 0) - (worth < 0) == sign


def test_each_pair_is_counted_by_itself():
    given = [
        Comparison("code", "a", "b", 6, 0),
        Comparison("general", "b", "c", 6, 0),
        Comparison("general", "b", "a", 6, 0),
    ]
    assert [(each.a, each.b, each.wins_a, each.wins_b) for each in counting(given, ("code", "general"))] == [
        ("a", "b", 6, 0),
        ("b", "c", 6, 0),
    ]


def test_a_preferred_model_that_is_gone_is_said_after_a_fallback(preferred):
    told = preferred("code", ("code", "codellama:13b", USUAL, 9, 0))[1]
    assert f"In code and general you prefer codellama:13b, which is not installed, so {USUAL} answers." in [
        each["text"] for each in told["notices"]
    ]


class Judgements:
    """Knows one judgement, of the profile `verse`, and which profiles it was asked for."""

    asked: list[str] = []
    winner = OTHER

    def comparisons(self, profile):
        self.asked.append(profile)
        wins = (60, 0) if self.winner == OTHER else (0, 60)
        return [Comparison("verse", OTHER, USUAL, *wins)] if profile == "verse" else []


class Judging(Specs):
    @hookimpl
    def ollm_services(self, ctx):  # noqa: ARG002  (the hook's signature)
        return [Service("judgements", ModelPreferences, lambda host: Judgements())]  # noqa: ARG005


@pytest.fixture
def judging(here):
    """The same with a server, a profile that falls back twice, and a service that knows judgements."""
    Judgements.asked.clear()
    families = {OTHER: "llama", USUAL: "gemma2"}
    listed = [
        entry(each["name"], size=round(each["size_gb"] * 1e9), digest=each["name"], capabilities=["completion"])
        | {"details": {"family": families[each["name"]], "context_length": 40960, "parameter_size": "8B"}}
        for each in AVAILABLE
    ]
    with RememberingServer(listed=listed) as server:
        yield here(Judging, settings=CHAIN, environ={"OLLAMA_HOST": server.url, "OLLM_PROVIDER": "ollama"})


def test_all_profiles_that_are_fallen_back_to_are_asked_for(judging):
    chooser = judging.app.services.find(ModelChooser)
    usual = judging.app.run(chooser.choose(ChoiceRequest("Sing!", profile="poetry"))).model
    Judgements.asked.clear()
    Judgements.winner = OTHER if usual == USUAL else USUAL
    assert judging.app.run(chooser.choose(ChoiceRequest("Sing!", profile="verse"))).model == Judgements.winner
    assert Judgements.asked == ["verse", "poetry", "creative", "general"]
    assert judging.app.run(chooser.choose(ChoiceRequest("Sing!", profile="poetry"))).model == usual


def test_who_asks_for_memory_reads_no_judgements(judging):
    memory = judging.app.services.find(ModelMemory)
    found = judging.app.run(memory.estimate([("ollama", USUAL)]))
    assert found.needs[f"ollama/{USUAL}"].bytes > 5_000_000_000
    assert Judgements.asked == []


OWN = "model: {routing: {defaultProfile: verse, profiles: {verse: {preferredFamilies: [gemma]}}, enabled: %s}}"


@pytest.mark.parametrize(
    ("settings", "profile"),
    [
        (OWN % "true", "verse"),
        (OWN % "false", "code"),
        ("model: {routing: {defaultProfile: auto}}", "code"),
        ("model: {routing: {defaultProfile: fast}}", "fast"),
        ("", "code"),
    ],
)
def test_a_prompt_belongs_to_the_profile_by_which_it_is_routed(here, settings, profile):
    found = here(settings=settings).app.services.find(PromptClassifier)
    assert found.profile_of("def total(items):\n    return sum(items)") == profile
