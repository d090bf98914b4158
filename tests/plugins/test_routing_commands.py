"""What do the commands `route …` say, and what do they change?"""

import json
import threading
import time

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.routing.active import active
from ollm_plugins.routing.classify import classify, classify_turn
from ollm_plugins.routing.plugin import Plugin as Routing
from ollm_plugins.routing.status import render

from ollm.api import CommandContext, ModelNotFound, StatusContext, UsageError, dispatch, root_group, tree
from tests.helpers.program import ollm as ollm  # a fixture
from tests.replay import entry
from tests.replay.state import RememberingServer


@pytest.fixture
def server():
    big = {"family": "qwen3", "context_length": 40960, "parameter_size": "8.2B"}
    small = {"family": "llama", "context_length": 131072, "parameter_size": "3.2B"}
    coder = {"family": "qwen2", "context_length": 32768, "parameter_size": "7.6B"}
    entries = [
        entry(
            "qwen3:8b", size=5_200_000_000, digest="a", capabilities=["completion", "tools", "thinking"], details=big
        ),
        entry("llama3.2:3b", size=2_000_000_000, digest="b", capabilities=["completion", "tools"], details=small),
        entry("qwen2.5-coder:7b", size=4_700_000_000, digest="c", capabilities=["completion", "tools"], details=coder),
        entry("nomic-embed-text", size=270_000_000, digest="d", capabilities=["embedding"]),
    ]
    with RememberingServer(listed=entries) as started:
        yield started


@pytest.fixture
def routed(ollm_app, server):
    def make(*plugins, environ=None, **options):
        surroundings = {"OLLAMA_HOST": server.url, "OLLM_PROVIDER": "ollama", **(environ or {})}
        return ollm_app(Routing, Limits, Models, Options, Ollama, *plugins, environ=surroundings, **options)

    return make


# route explain


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("", "qwen3:8b"),
        ("--profile code", "qwen2.5-coder:7b"),
        ("--profile fast", "llama3.2:3b"),
        ("--needs thinking", "qwen3:8b"),
        ("--needs tools --prompt-tokens 60000", "llama3.2:3b"),
        ("--needs embedding --prompt-tokens 10", "nomic-embed-text:latest"),
        ("'Write a function in Rust' --profile auto", "qwen2.5-coder:7b"),
        ("'What is the capital of Peru?' --profile auto", "llama3.2:3b"),
    ],
)
def test_explain_says_who_would_answer(routed, words, model):
    told = routed().run_command(f"route explain {words} --json").json
    assert told["chosen"] == model
    assert told["provider"] == "ollama"
    names = {each["name"] for each in (*told["candidates"], *told["rejected"])}
    assert names == {"qwen3:8b", "llama3.2:3b", "qwen2.5-coder:7b", "nomic-embed-text:latest"}


def test_a_part_that_counts_for_nothing_is_not_drawn(tmp_path, routed):
    model = {"name": "smollm2:135m", "size_gb": 0.1, "params_b": 0.135}
    (tmp_path / "case.json").write_text(json.dumps({"available": [model], "machine": {"vram_gb": 0, "ram_gb": 8}}))
    heading, row, *_ = routed().run_command(f"route explain --what-if {tmp_path}/case.json").stdout.splitlines()
    assert dict(zip(heading.split("\t"), row.split("\t"), strict=True))["smaller"] == ""


def test_explain_tells_scores_by_part_and_what_would_change_the_choice(routed):
    told = routed().run_command("route explain --profile code --needs tools --json").json
    first, second = told["candidates"][:2]
    assert told["requirement"] == {"prompt_tokens": 500, "output_tokens": 800, "needs": ["tools"]}
    assert first["name"] == told["chosen"]
    assert second["name"] == told["runner_up"]
    assert [*first["parts"]] == ["task", "seconds", "preference", "loaded", "smaller"]
    assert first["score"] == pytest.approx(sum(first["parts"].values()), abs=0.01)
    assert f"Without qwen2.5-coder:7b, {told['runner_up']} would answer." in told["changes"]
    assert "With the profile fast, llama3.2:3b would answer." in told["changes"]


def test_explain_speaks_to_people(routed):
    done = routed().run_command("route explain --profile code")
    assert done.exit_code == 0
    assert "qwen2.5-coder:7b\tchosen\t" in done.stdout
    assert "nomic-embed-text:latest\tmakes embeddings and does not chat" in done.stdout
    assert "qwen2.5-coder:7b answers, by the profile code, for 500 tokens of prompt, 800 of answer" in done.stdout


def test_explain_shows_the_rule_of_auto(routed):
    done = routed().run_command("route explain 'Fix app.py' --profile auto")
    assert "auto takes code if the prompt holds a code block" in done.stdout
    assert "Here it takes code: the prompt holds 'app.py'." in done.stdout


def test_explain_without_anybody_names_what_to_pull_and_fails(routed):
    done = routed().run_command("route explain --needs vision")
    assert (done.exit_code, isinstance(done.error, ModelNotFound)) == (3, True)
    assert done.stderr.count("no installed model has vision; `ollm model pull gemma3:4b` fetches one.") == 1
    assert routed().run_command("route explain --needs vision --json").json["chosen"] is None


@pytest.mark.parametrize(("words", "message"), [("--needs smell", "'smell'"), ("--profile cod", "did you mean code")])
def test_explain_refuses_what_it_does_not_know(routed, words, message):
    done = routed().run_command(f"route explain {words}")
    assert (done.exit_code, message in done.stderr) == (2, True)
    assert isinstance(done.error, UsageError)


def test_a_measured_rate_counts(routed, ollm_home):
    rates = {"ollama/qwen3:8b": {"tok_s": 0.5}, "ollama/llama3.2:3b": {"tok_s": 90.0}}
    (ollm_home / "rates.json").write_text(json.dumps({"version": 1, "models": rates}))
    told = routed().run_command("route explain --json").json
    assert told["chosen"] != "qwen3:8b"
    slow = next(each for each in told["candidates"] if each["name"] == "qwen3:8b")
    assert (slow["tok_s"], slow["measured"]) == (0.5, True)


def test_a_model_that_answered_just_now_counts_as_loaded(routed, ollm_home):
    ollm = routed()
    ollm.run_command("route explain")
    rates = {"ollama/llama3.2:3b": {"used": time.time()}}
    (ollm_home / "rates.json").write_text(json.dumps({"version": 1, "models": rates}))
    told = ollm.run_command("route explain --json").json
    assert [each["name"] for each in told["candidates"] if each["loaded"]] == ["llama3.2:3b"]


@pytest.mark.parametrize("content", ["{", '{"version": 2}', '{"version": 1, "models": 3}'])
def test_rates_that_cannot_be_read_are_kept_aside(routed, ollm_home, content):
    (ollm_home / "rates.json").write_text(content)
    ollm = routed()
    assert ollm.run_command("route explain --json").exit_code == 0
    assert "it is kept as rates.json.unreadable" in ollm.stderr.getvalue()
    assert (ollm_home / "rates.json.unreadable").read_text() == content


# route, route list, route use


def test_use_switches_routing_on_and_none_off(routed, ollm_home):
    ollm = routed()
    assert ollm.run_command("route").stdout.startswith("Routing is off: no profile is chosen")
    assert "by the profile code, in " in ollm.run_command("route use code").stdout
    assert "defaultProfile: code" in (ollm_home / "config.yaml").read_text()
    assert ollm.run_command("route --json").json == {
        "on": True,
        "profile": "code",
        "origin": f"{ollm_home / 'config.yaml'}:4",
        "why": None,
        "model": "qwen2.5-coder:7b",
    }
    assert ollm.run_command("route use --none").stdout == "No profile is chosen: model.default answers\n"
    assert ollm.run_command("route --json").json["on"] is False


def test_use_says_what_is_stronger(routed):
    assert (
        "But the profile fast is in force"
        in routed(environ={"OLLM_PROFILE": "fast"}).run_command("route use code").stderr
    )
    off = routed(settings="model: {routing: {enabled: false}}").run_command("route use code")
    assert "But model.routing.enabled is false" in off.stderr


def test_in_the_repl_use_holds_at_once_and_beats_a_variable(routed):
    app = routed(environ={"OLLM_PROFILE": "fast"}).app
    for line, profile in (("route use code", "code"), ("route use --none", "fast")):
        dispatch(root_group(tree(app.hub, "repl"), app.hub, CommandContext(app, "repl"), None), line.split(), "/")
        assert active(app.settings).profile == profile


@pytest.mark.parametrize("words", ["", "cod", "code --none"])
def test_use_wants_a_profile_that_there_is(routed, words):
    assert routed().run_command(f"route use {words}").exit_code == 2


def test_list_shows_the_four_as_specified(routed):
    profiles = {each["name"]: each for each in routed().run_command("route list --json").json}
    shown = {
        name: (each["preferredFamilies"], each["minContextWindow"], each["fallbackProfile"])
        for name, each in profiles.items()
    }
    assert shown == {
        "fast": (["phi", "gemma", "mistral"], 4096, "general"),
        "general": (["llama", "mistral", "qwen"], 8192, None),
        "code": (["codellama", "deepseek-coder", "starcoder"], 16384, "general"),
        "creative": (["llama", "mistral"], 8192, "general"),
    }
    assert all(each["requiredCapabilities"] == ["streaming"] for each in profiles.values())


def test_the_status_bar_names_the_profile_while_routing_is_on(routed):
    assert render(StatusContext(routed().app.context)) is None
    assert render(StatusContext(routed(environ={"OLLM_PROFILE": "auto"}).app.context)) == "route auto"


def test_the_flag_reaches_a_turn(ollm, server, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    for profile, model in (("code", "qwen2.5-coder:7b"), ("fast", "llama3.2:3b")):
        done = ollm("--provider", "ollama", "-p", "Hello!", "--profile", profile, "-o", "json")
        assert (done.code, done.json["model"]) == (0, model), done.err
    assert (
        ollm("--provider", "ollama", "-p", "Hello!", "--profile", "fast", "-m", "qwen3:8b", "-o", "json").json["model"]
        == "qwen3:8b"
    )


def test_without_a_profile_the_provider_chooses_as_ever(ollm, server, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    done = ollm("--provider", "ollama", "-p", "Hello!", "-o", "json")
    assert done.code == 0
    assert not (ollm.home / "config.yaml").exists()


# auto


@pytest.mark.parametrize(
    ("prompt", "profile"),
    [
        ("Why does this fail?\n```\nx = 1\n```", "code"),
        ("def f(x):\n    return x\nWhat does it do?", "code"),
        ("Refactor src/main.rs", "code"),
        ("Is there a faster algorithm?", "code"),
        ("int main() {\n  return 0;\n}", "code"),
        ("Write a haiku about autumn.", "creative"),
        ("Tell me a bedtime story about a fox who cannot sleep, please, for a child of four.", "creative"),
        ("What is the capital of Peru?", "fast"),
        (
            "Let me know what you think of my plan: I want to move to the coast next year and work from there.",
            "general",
        ),
        ("", "general"),
    ],
)
def test_a_prompt_is_classified_by_its_words(prompt, profile):
    assert classify(prompt).profile == profile


@pytest.mark.parametrize(
    ("earlier", "prompt", "profile"),
    [
        ((), "And now?", "fast"),
        (("Refactor src/main.rs",), "And now?", "code"),
        (("Refactor src/main.rs", "Thanks!"), "Write a haiku about it.", "creative"),
        (("What is the capital of Peru?",), "And of Chile?", "fast"),
        (("I would like to move to the coast next year and to work from there. Is that wise?",), "Why?", "general"),
        (("Write a poem.", *["And now?"] * 5), "And now?", "fast"),
    ],
)
def test_a_conversation_keeps_to_what_it_is_about(earlier, prompt, profile):
    assert classify_turn(prompt, earlier).profile == profile


def test_what_models_do_aside_is_not_measured(tmp_path, monkeypatch):
    from ollm_plugins.routing import observer

    from ollm.api import ChatRequest, EventContext, Finished, TurnContext, Usage

    kept = []
    monkeypatch.setattr(observer, "_keep", lambda *arguments: kept.append(arguments))
    for aside in (False, True):
        turn = TurnContext(None, "t", "ollama", "m", "hi", (), aside=aside)
        observer.on_event(EventContext(turn, Finished("stop", Usage()), ChatRequest("m", ())))
    for thread in threading.enumerate():
        if thread.name == "rates-writer":
            thread.join()
    assert len(kept) == 1
