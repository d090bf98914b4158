"""Is what is known of models right, and does the most trusted source win?"""

import importlib.util
import sys
from pathlib import Path

import pytest
from ollm_plugins.limits.database import Facts, certain, load, read
from ollm_plugins.limits.lookup import decide, of_database
from ollm_plugins.limits.names import parse, without_quantization
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.limits.repositories import _listed as listed_repositories
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama

from ollm.api import ContributedLimits, ModelInfo, ModelKnowledge, ModelLimits, SettingsError, Specs, hookimpl
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

ROOT = Path(__file__).parents[2]


def benchmark():
    spec = importlib.util.spec_from_file_location("limits_accuracy", ROOT / "benchmarks" / "limits_accuracy.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["limits_accuracy"] = module
    spec.loader.exec_module(module)
    return module


ACCURACY = benchmark()
TABLES = ACCURACY.tables()
LLAMA31 = "46e0c10c039e019119339687c3c1757cc81b9da49709a3b3924863ba87ca666e"


def known(name, **live):
    claim = of_database(name, **live)
    return decide(name, [claim] if claim else [])


def able(limits):
    return {each for each in ("tools", "vision", "thinking", "embedding") if getattr(limits.capabilities, each)}


@pytest.mark.parametrize("table", TABLES)
def test_names_get_what_is_true_of_them(table):
    verdicts = [verdict for row in TABLES[table] for verdict in ACCURACY.graded(row)]
    assert [each for each in verdicts if each.verdict == "too much"] == []
    assert ACCURACY.names_right(verdicts) >= 0.97


def test_the_score_tells_right_from_too_much_and_too_little():
    expected = ACCURACY.Expected("llama3.1:8b", 4096, (), ("vision",), "qwen2", ("thinking",))
    verdicts = {each.kind: each.verdict for each in ACCURACY.graded(expected)}
    assert verdicts == {
        "known": "right",
        "context window": "too much",
        "tools": "too much",
        "vision": "too little",
        "embedding": "right",
        "family": "too much",
    }
    (other,) = ACCURACY.graded(ACCURACY.Expected("llama3.1:8b", None, (), ()))
    assert (other.kind, other.verdict) == ("known", "too much")


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "library/{}",
        "registry.ollama.ai/library/{}",
        "https://registry.ollama.ai/library/{}",
        "localhost:5000/library/{}",
        "localhost:5000/{}",
        " {} ",
    ],
)
def test_a_registry_and_upper_case_make_no_difference(form):
    for row in TABLES["facts"]:
        plain, other = known(row.name), known(form.format(row.name).upper())
        assert (other.context_window, other.capabilities, other.family, other.matched) == (
            plain.context_window,
            plain.capabilities,
            plain.family,
            plain.matched,
        )


@pytest.mark.parametrize("form", ["{}-mytune", "{}x", "my-{}", "{}.99", "someone/{}", "hf.co/someone/{}-mytune-GGUF"])
def test_a_name_near_a_line_is_unknown(form):
    lines = load().lines
    for line in lines:
        name = form.format(line)
        if name not in lines:
            assert not known(name).known, name


@pytest.mark.parametrize(
    "name", ["", " ", ":", "a:b:c", "/", "a//b", "llama3.1@", "llama3.1@md5:1", "x" * 9999, "\x1b[31m", "é"]
)
def test_what_is_no_name_is_unknown(name):
    limits = known(name)
    assert (limits.known, limits.context_window, limits.source, able(limits)) == (False, 4096, "default", set())
    assert limits.capabilities.streaming


@pytest.mark.parametrize(
    ("tag", "stem"),
    [
        ("8b-instruct-q4_K_M", "8b-instruct"),
        ("12b-it-qat", "12b-it"),
        ("4b-it-qat-q4_0", "4b-it"),
        ("8b-fp16", "8b"),
        ("26b-mlx-bf16", "26b"),
        ("ud-q4_k_xl", ""),
        ("iq3_xxs", ""),
        ("q8_0", ""),
    ],
)
def test_quantizations_are_told_from_what_a_model_is(tag, stem):
    assert without_quantization(tag) == (stem, True)
    assert without_quantization("8x7b-v0.1-128k") == ("8x7b-v0.1-128k", False)


def test_every_repository_in_the_list_is_a_build_of_the_library():
    for name in listed_repositories().values():
        parsed = parse(name)
        assert load().lines[parsed.model].find(parsed.tag).exact, name


def test_an_unknown_tag_gets_what_is_certain_for_all_that_it_may_be():
    limits = known("qwen3:4b-mine")
    assert (limits.context_window, limits.source, limits.matched) == (40960, "line", "qwen3:4b*")
    assert limits.sources["thinking"] == "default", "some builds of 4b think, others do not"
    limits = known("granite-code:nothing-like-it")
    assert (limits.context_window, limits.matched, limits.source) == (2048, "granite-code", "line")


def test_the_clouds_copy_has_the_weights_and_its_own_longest_answer():
    assert known("qwen3-vl:235b-cloud").context_window == 262144
    assert known("gpt-oss:120b-cloud").max_output_tokens == 131072
    assert known("gpt-oss:120b").max_output_tokens is None
    assert known("gemma3:4b-cloud").context_window == 32768, "as its page says"
    assert known("gemma3:4b-mine").context_window == 131072, "which is none of the cloud's"


def test_what_is_certain_of_several():
    one = Facts(8192, "llama", frozenset({"tools"}), 100, ("fast", "code"))
    other = Facts(4096, "llama", frozenset({"tools", "vision"}), None, ("code",))
    assert certain([one, other]) == Facts(4096, "llama", frozenset({"tools"}), 100, ("code",), frozenset({"vision"}))


def test_the_database_is_read_as_its_head_says():
    database = read(["# head", "a\t8b\t8b@12345678 9b\t10\tf\ttools,vision\t5\tfast", "\t\t8b-q*\t9\tg\t\t\t"])
    line = database.lines["a"]
    assert line.find("latest") == line.find("8b")
    assert line.find("8b-q8_0").facts == line.find("8b-fp16").facts == Facts(9, "g")
    assert line.find("9b-q4_0").facts == Facts(10, "f", frozenset({"tools", "vision"}), 5, ("fast",))
    assert database.of_digest("sha256:1234567890").matched == "a:8b"
    assert database.of_digest("1234") is None


# --- by digest and family


@pytest.mark.parametrize("digest", [LLAMA31, f"sha256:{LLAMA31}", LLAMA31[:12]])
def test_a_local_alias_is_what_its_digest_is(digest):
    limits = known("gpt-4o:latest", digest=digest)
    assert (limits.context_window, able(limits), limits.matched) == (131072, {"tools"}, "llama3.1:8b")
    assert known(f"whatever@sha256:{LLAMA31}").matched == "llama3.1:8b"


def test_another_build_under_a_known_name_gets_only_what_is_certain():
    assert known("qwen3:4b").context_window == 262144
    assert known("qwen3:4b", digest="359d7dd4bcda" + "0" * 52).context_window == 262144
    old = known("qwen3:4b", digest="2bfd38a7daaf" + "0" * 52)
    assert (old.context_window, old.source) == (40960, "line")


def test_a_stranger_of_a_known_family_has_what_the_family_has_in_common():
    limits = known("mine:1b", family="nomic-bert")
    assert (limits.source, limits.matched, able(limits)) == ("pattern", "nomic-bert models", {"embedding"})
    assert limits.sources["tools"] == "default", "a build of one's own may have what no other has"
    assert not known("mine:1b", family="nobody's").known


# --- the order of trust


class Acme(Specs):
    @hookimpl
    def ollm_model_limits(self, ctx):
        return [
            ModelLimits("wide", "acme*", "acme", 1000),
            ModelLimits("close", "acme-chat:*", "acme", 2000, 500, ("tools",), ("code",)),
            ModelLimits("llama", "llama3.1:*", "acme", 3000),
        ]


@pytest.fixture
def knowledge(ollm_app):
    def make(settings="", *plugins):
        return ollm_app(Limits, Acme, *plugins, settings=settings).app.services.find(ModelKnowledge)

    return make


def test_a_server_is_believed_before_plugins_and_the_database(knowledge):
    live = ModelInfo("llama3.1:8b", family="live", context_window=5000, capabilities=("completion", "vision"))
    limits = knowledge().look_up("llama3.1:8b", live=live)
    assert (limits.context_window, limits.source, limits.family, able(limits)) == (5000, "server", "live", {"vision"})
    assert limits.sources["profiles"] == "tag"


def test_a_server_that_lists_no_capabilities_says_nothing_of_them(knowledge):
    limits = knowledge().look_up("gemma3:4b", live=ModelInfo("gemma3:4b", context_window=8192))
    assert (limits.context_window, able(limits)) == (8192, {"vision"})
    assert (limits.sources["context_window"], limits.sources["vision"]) == ("server", "tag")


def test_of_plugins_patterns_the_closest_wins(knowledge):
    look_up = knowledge().look_up
    limits = look_up("Acme-Chat")
    assert (limits.context_window, limits.max_output_tokens, limits.profiles) == (2000, 500, ("code",))
    assert (limits.source, limits.matched, limits.known) == ("plugin", "acme-chat:*", True)
    assert not limits.capabilities.streaming
    assert look_up("acme:7b").context_window == 1000
    limits = look_up("llama3.1:8b")
    assert (limits.context_window, limits.source, able(limits)) == (3000, "plugin", set())


def test_the_users_settings_win_fact_by_fact(knowledge):
    settings = """
models:
  "llama3.1:*": {limits: {contextWindow: 111, maxOutputTokens: 222, family: mine}}
  "llama3.1:8b": {limits: {capabilities: [vision], profiles: [creative]}}
"""
    live = ModelInfo("llama3.1:8b", family="live", context_window=5000, capabilities=("completion", "tools"))
    limits = knowledge(settings).look_up("llama3.1:8b", live=live)
    assert (limits.context_window, limits.source, limits.matched) == (111, "user", "llama3.1:*")
    assert limits.max_output_tokens == 111, "no answer is longer than the window"
    assert (limits.family, able(limits), limits.profiles) == ("mine", {"vision"}, ("creative",))
    assert set(limits.sources.values()) == {"user", "plugin"}, "streaming is the plugin's"


def test_a_name_without_a_tag_is_the_latest(knowledge):
    look_up = knowledge('models: {"acme:latest": {limits: {contextWindow: 7}}}').look_up
    assert look_up("acme").context_window == look_up("ACME:latest").context_window == 7
    assert look_up("acme:7b").context_window == 1000


@pytest.mark.parametrize("limits", ["{contextWindow: 0}", "{contextWindow: '8k'}", "{capabilities: [magic]}"])
def test_bad_settings_are_refused_with_their_place(ollm_app, limits):
    ollm = ollm_app(Limits, settings=f"models:\n  'a:*':\n    limits: {limits}\n")
    with pytest.raises(SettingsError, match="config.yaml:3.*limits"):
        ollm.app.check_settings()


def test_the_kernel_gathers_what_plugins_know(ollm_app):
    found = ollm_app(Limits, Acme).app.services.find(ContributedLimits).model_limits()
    assert [owned.item.name for owned in found] == ["wide", "close", "llama"]


# --- asking the provider


@pytest.mark.parametrize("plugins", [(Ollama,), (Ollama, Models)], ids=["itself", "by the service"])
def test_the_provider_is_asked(remembering, ollm_app, plugins):
    server = remembering()
    ollm = ollm_app(Limits, *plugins, settings=f"providers: {{ollama: {{host: '{server.url}'}}}}")
    knowledge = ollm.app.services.find(ModelKnowledge)
    limits = ollm.app.run(knowledge.limits_of("smollm2-pirate", "ollama"))
    assert (limits.known, limits.source, limits.context_window) == (True, "server", 8192)
    limits = ollm.app.run(knowledge.limits_of("llama3.1:8b", "ollama"))
    assert (limits.source, limits.context_window) == ("tag", 131072), "the server does not have it"
    limits = ollm.app.run(knowledge.limits_of("gpt-4o", "ollama"))
    assert not limits.known


@pytest.mark.parametrize("plugins", [(Ollama,), (Ollama, Models)], ids=["itself", "by the service"])
def test_with_the_provider_away_the_database_answers(ollm_app, plugins):
    ollm = ollm_app(Limits, *plugins, settings="providers: {ollama: {host: 'http://127.0.0.1:9'}}")
    limits = ollm.app.run(ollm.app.services.find(ModelKnowledge).limits_of("gemma3:1b", "ollama"))
    assert (limits.context_window, limits.source) == (32768, "tag")
