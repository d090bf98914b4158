"""Are models listed, examined and chosen, whatever their providers do?"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.models.wording import human, lasting, processor

from ollm.api import (
    Capabilities,
    Health,
    KnownLimits,
    LoadedModel,
    ModelInfo,
    ModelKnowledge,
    ModelNotFound,
    PluginError,
    ProviderEntry,
    ProviderUnreachable,
    Service,
    Specs,
    TokenCount,
    TokenCounter,
    hookimpl,
)
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay import entry
from tests.replay.fixtures import remembering, replay  # noqa: F401  (fixtures)

TABLE = """\
name	size	family	parameters	quantization	context	capabilities	modified	loaded
gemma3:270m	253 MB	gemma3	268.10M	Q4_K_M	32768	completion	2026-11-22	
smollm2-native:135m	98 MB	llama	134.52M	Q4_1	8192	completion	2026-11-22	
smollm2-pirate:latest	98 MB	llama	134.52M	Q4_1	8192	completion, tools	2026-11-22	
smollm2:135m	98 MB	llama	134.52M	Q4_1	8192	completion, tools	2026-11-22	
"""
HEADER = TABLE.splitlines(keepends=True)[0]
AWAY = ProviderUnreachable("The moon is away", "Wait.")


class Fake:
    """A provider that hands over or raises whatever it was given."""

    def __init__(self, name, given, seconds=0.0, meeting=None):
        self.name, self._given, self._seconds, self._meeting = name, given, seconds, meeting

    async def check(self):
        return Health("here", "1")

    async def list_models(self):
        await asyncio.sleep(self._seconds)
        if self._meeting:
            await asyncio.wait_for(self._meeting.wait(), 30)
        if isinstance(self._given, Exception):
            raise self._given
        return self._given

    async def show_model(self, name):
        await asyncio.sleep(self._seconds)
        if name not in [each.name for each in self._given]:
            raise ModelNotFound(f"Acme has no {name}")
        return ModelInfo(name)

    def chat(self, request):
        raise NotImplementedError

    async def aclose(self):
        pass


def giving(**given):
    """A plugin whose providers are named and do as given: what they hand over, or what makes them."""

    class Acme(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(name, "Acme's", _maker(name, each)) for name, each in given.items()]

    return Acme


def _maker(name, given):
    return given if callable(given) else lambda ctx: Fake(name, given)


def unmakeable(ctx):
    raise RuntimeError("no engine")


@pytest.fixture
def server(replay, monkeypatch):
    server = replay({"/api/tags": ["tags_some"]})
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    return server


def test_a_server_is_listed_by_name(ollm, server):
    done = ollm("model", "list", "--provider", "ollama")
    assert (done.code, done.out, done.err) == (0, TABLE, "")
    assert sorted(each.path for each in server.requests) == ["/api/ps", "/api/tags"]


def test_programs_get_everything(ollm, server):
    first, *_, last = ollm("models", "--provider", "ollama", "--json").json
    assert datetime.now(UTC) - datetime.fromisoformat(first.pop("asOf")) < timedelta(minutes=1)
    assert first == {
        "name": "gemma3:270m",
        "provider": "ollama",
        "size": 253113180,
        "digest": "14f8ac0fb3c4d0781f89e8e94fb0f50f6074e4433c57f2974444117109948bb3",
        "modified": "2026-11-22T07:28:32.377679211Z",
        "family": "gemma3",
        "parameters": "268.10M",
        "quantization": "Q4_K_M",
        "contextWindow": 32768,
        "capabilities": ["completion"],
        "loaded": None,
        "offline": None,
    }
    assert (last["name"], last["capabilities"]) == ("smollm2:135m", ["completion", "tools"])


def test_without_a_choice_every_provider_is_listed(ollm, server):
    done = ollm("model", "list", "--json")
    assert (done.code, done.err) == (0, "")
    assert [(each["name"], each["provider"]) for each in done.json][-2:] == [
        ("smollm2:135m", "local"),
        ("smollm2:135m", "ollama"),
    ]
    assert [each["provider"] for each in done.json if "fetched" in each] == ["local"]


def test_what_is_not_fetched_says_so(ollm):
    done = ollm("models", "--provider", "local")
    assert done.out == HEADER + "smollm2:135m\tnot fetched\tllama\t135M\tQ4_1\t8192\tcompletion\t\t\n"
    (model,) = ollm("models", "--provider", "local", "--json").json
    assert model["fetched"] is False and model["size"] > 90e6


def test_a_broken_file_is_listed_with_its_problem(ollm):
    folder = ollm.home / "models"
    folder.mkdir(parents=True)
    (folder / "torn.gguf").write_bytes(b"GGUF")
    done = ollm("models", "--provider", "local")
    assert done.code == 0 and "\ntorn\t\t\t" in done.out
    assert done.err.startswith("ollm: Model 'torn' of provider 'local' cannot be used: torn.gguf ")


def test_one_that_is_away_is_named_and_the_others_listed(ollm):
    done = ollm("model", "list")
    assert done.code == 0 and "smollm2:135m\tlocal" in done.out
    (line,) = done.lines
    assert line.startswith("ollm: No models of provider 'ollama': Ollama does not answer at http://127.0.0.1:9")


@pytest.mark.parametrize("words", [("model", "list", "--provider", "ollama"), ("--provider", "ollama", "models")])
def test_one_that_was_chosen_is_never_swapped(ollm, words):
    done = ollm(*words)
    assert (done.code, done.out) == (4, "") and done.err.startswith("ollm: Ollama does not answer")


def test_an_address_is_a_choice(ollm, server):
    done = ollm("--host", server.url, "model", "list")
    assert (done.code, done.out) == (0, TABLE)


@pytest.mark.parametrize("words", [("model", "list", "--provider", "olama"), ("--provider", "olama", "models")])
def test_an_unknown_one_is_wrong_usage(ollm, words):
    done = ollm(*words)
    assert (done.code, done.out) == (2, "") and "There is no provider 'olama'; did you mean ollama?" in done.err


def test_the_real_program(ollm, server):
    done = ollm.real("models", "--provider", "ollama")
    assert (done.code, done.out, done.err) == (0, TABLE, "")
    away = {"OLLAMA_HOST": "http://127.0.0.1:9", "OLLM_PLUGINS_DISABLED": "local"}
    done = ollm.real("model", "list", "--json", **away)
    assert (done.code, done.out) == (4, "") and done.err.startswith("ollm: Ollama does not answer")


def test_all_are_asked_at_once(ollm_app):
    meeting = asyncio.Barrier(4)  # nobody answers before all four are asked
    slow = {name: (lambda ctx, name=name: Fake(name, [ModelInfo(f"{name}:1b")], 0, meeting)) for name in "abcd"}
    harness = ollm_app(Models, giving(**slow))
    names = [each["name"] for each in harness.run_command("model list --json").json]
    assert names == ["a:1b", "b:1b", "c:1b", "d:1b", "scripted:1b"]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (ValueError("oops"), "ValueError: oops"),
        (None, "TypeError: "),
        (["m:1b"], "TypeError: "),
        ([ModelInfo("m:1b", size="98 MB")], "ValidationError: Expected `int | null`, got `str` - at `$.size`"),
        ([ModelInfo(None)], "ValidationError: Expected `str`, got `null` - at `$.name`"),
    ],
)
def test_a_plugin_that_fails_is_blamed_and_the_others_listed(ollm_app, given, cause):
    harness = ollm_app(Models, giving(broken=given, fine=[ModelInfo("a")]), strict=False)
    done = harness.run_command("model list --json")
    assert [each["provider"] for each in done.json] == ["fine", "scripted"]
    (failure,) = harness.failures
    assert (failure.plugin, failure.where) == ("acme", "provider 'broken'") and failure.cause.startswith(cause)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ollm: No models of provider 'broken': Provider 'broken' failed: {cause}")
    alone = harness.run_command("model list --provider broken")
    assert (alone.exit_code, alone.stdout) == (1, "") and "Provider 'broken' failed" in alone.stderr


def test_one_that_cannot_be_made_is_left_out(ollm_app):
    harness = ollm_app(Models, giving(unmade=unmakeable), strict=False)
    done = harness.run_command("model list --json")
    assert [each["provider"] for each in done.json] == ["scripted"]
    assert "ollm: No models of provider 'unmade': Provider 'unmade' could not be set up." in done.stderr


def test_without_the_engine_its_files_are_not_listed(ollm, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    done = ollm("models", "--provider", "local")
    assert (done.code, done.out) == (4, "") and "the embedded engine is not installed" in done.err


def test_strict_mode_ends_at_a_failure(ollm_app):
    done = ollm_app(Models, giving(broken=ValueError("oops"))).run_command("model list")
    assert isinstance(done.error, PluginError) and done.stdout == ""


def test_one_that_never_answers_is_given_up(ollm_app, monkeypatch):
    monkeypatch.setattr("ollm.selection.PATIENCE", 1.5)
    harness = ollm_app(Models, giving(slow=lambda ctx: Fake("slow", [], 3600)))
    done = harness.run_command("model list --json")
    assert done.exit_code == 0 and len(done.json) == 1
    assert "'slow': Provider 'slow' did not answer within 1.5 s. Try again later." in done.stderr
    assert harness.run_command("model list --provider slow").exit_code == 4


@pytest.mark.parametrize("command", ["model list", "model info a:1b"])
def test_one_in_this_process_is_never_away(ollm_app, monkeypatch, command):
    monkeypatch.setattr("ollm_plugins.models.patience.QUICK", 0.001)
    fake = Fake("here", [ModelInfo("a:1b")])
    harness = ollm_app(Models, giving(here=lambda ctx: fake))
    assert harness.run_command("model list").exit_code == 0
    fake._seconds = 0.2  # it has files to read that were not there before
    done = harness.run_command(f"{command} --json")
    first = done.json[0] if isinstance(done.json, list) else done.json
    assert (first["name"], first["offline"], done.stderr) == ("a:1b", None, "")


def test_who_is_away_is_said_again_when_asked_again(ollm_app):
    harness = ollm_app(Models, giving(moon=AWAY))
    for _ in range(2):
        said = harness.run_command("model list").stderr
        assert said == "ollm: No models of provider 'moon': The moon is away. Wait.\n"


def test_details_of_any_kind_pass(ollm_app):
    models = [
        ModelInfo("a", details={"open": object(), "fetched": True}),
        ModelInfo("b", size=0, details={"fetched": 0}),
    ]
    done = ollm_app(Models, giving(acme=models)).run_command("model list --provider acme --json")
    assert [(each["name"], each["size"], "fetched" in each) for each in done.json] == [
        ("a", None, False),
        ("b", 0, False),
    ]


def test_a_name_that_would_write_to_the_terminal_is_shown(ollm_app):
    done = ollm_app(Models, giving(acme=[ModelInfo("m\x1b[31m:1b")])).run_command("models --provider acme")
    assert "m\u241b[31m:1b\t" in done.stdout and "\x1b" not in done.stdout


def test_no_models_are_no_failure(ollm_app):
    harness = ollm_app(Models, giving(acme=[]))
    done = harness.run_command("model list --provider acme")
    assert (done.exit_code, done.stdout, done.stderr) == (0, HEADER, "ollm: There are no models yet.\n")
    assert harness.run_command("model list --provider acme --json").json == []


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (7, "7 B"),
        (1500, "1.5 kB"),
        (98364088, "98 MB"),
        (999_400_000, "999 MB"),
        (999_600_000, "1.0 GB"),
        (4_661_224_676, "4.7 GB"),
        (9_960_000_000, "10 GB"),
        (1_300_000_000_000, "1.3 TB"),
        (5_000_000_000_000_000, "5000 TB"),
    ],
)
def test_sizes_are_written_as_people_do(size, text):
    assert human(size) == text


# -- list: search, order, what is loaded, who is away -------------------------------------------------------------------


@pytest.fixture
def several(remembering, monkeypatch):
    """A server whose models differ in everything that a list can be sorted by."""
    models = [
        entry("gemma3:270m", "gemma3:270m", modified_at="2026-03-01T00:00:00Z"),
        entry("Big:8b", size=4_700_000_000, modified_at="2026-01-01T00:00:00Z", details={"parameter_size": "8.0B"}),
        entry("smollm2:135m", modified_at="2026-02-01T00:00:00Z"),
    ]
    server = remembering(listed=models)
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("OLLM_PROVIDER", "ollama")
    return server


def names(done):
    return [each["name"] for each in done.json]


@pytest.mark.parametrize(
    ("order", "first_to_last"),
    [
        ("name", ["Big:8b", "gemma3:270m", "smollm2:135m"]),
        ("size", ["smollm2:135m", "gemma3:270m", "Big:8b"]),
        ("modified", ["Big:8b", "smollm2:135m", "gemma3:270m"]),
        ("family", ["gemma3:270m", "Big:8b", "smollm2:135m"]),
        ("context", ["Big:8b", "smollm2:135m", "gemma3:270m"]),
        ("parameters", ["smollm2:135m", "gemma3:270m", "Big:8b"]),
    ],
)
def test_a_list_is_sorted_as_wanted(ollm, several, order, first_to_last):
    assert names(ollm("model", "list", "--sort", order, "--json")) == first_to_last
    turned = names(ollm("model", "list", "--sort", order, "--reverse", "--json"))
    assert turned == first_to_last[::-1] or order in ("family", "context")  # where two are equal, they stay by name
    assert turned != first_to_last


def test_what_is_unknown_is_listed_last_whichever_way(ollm_app):
    harness = ollm_app(Models, giving(acme=[ModelInfo("a"), ModelInfo("b", size=2), ModelInfo("c", size=1)]))
    for words, wanted in (("", ["c", "b", "a"]), (" --reverse", ["b", "c", "a"])):
        done = harness.run_command(f"model list --provider acme --sort size --json{words}")
        assert names(done) == wanted


@pytest.mark.parametrize(
    ("search", "found"), [("bIG", ["Big:8b"]), ("135", ["smollm2:135m"]), ("LLAMA", ["Big:8b", "smollm2:135m"])]
)
def test_a_search_looks_into_names_and_families(ollm, several, search, found):
    assert names(ollm("models", search, "--json")) == found


def test_a_search_without_a_hit_says_so(ollm, several):
    done = ollm("models", "qwen")
    assert (done.code, done.out, done.err) == (0, HEADER, "ollm: No model matches 'qwen'.\n")


def test_a_wrong_order_is_wrong_usage(ollm):
    done = ollm("model", "list", "--sort", "colour")
    assert done.code == 2 and "'colour'" in done.err and len(done.lines) == 1


def test_what_is_loaded_is_listed_so(ollm, several):
    several.loaded["big:8b"] = several_minutes(several, "Big:8b")
    assert [line.split("\t")[-1] for line in ollm("models").out.splitlines()] == ["loaded", "yes", "", ""]
    big, *others = ollm("models", "--json").json
    assert big["loaded"].items() >= {"size": 100, "sizeGpu": 52, "cpuPercent": 48, "gpuPercent": 52}.items()
    assert [each["loaded"] for each in others] == [None, None]


def several_minutes(server, name, seconds=250, **changes):
    """An entry of /api/ps, half on a GPU, that stays for a while."""
    asked = datetime.now(UTC) + timedelta(seconds=seconds)
    known = {key: server.listed[name.lower()][key] for key in ("name", "model", "digest", "details")}
    expires = asked.isoformat().replace("+00:00", "Z")
    return {**known, "size": 100, "size_vram": 52, "context_length": 8192, "expires_at": expires, **changes}


def test_one_that_is_away_is_answered_for_by_what_it_said_before(ollm, several):
    before = ollm("models", "--json").json
    several.close()
    done = ollm("models")
    (line,) = done.lines
    assert done.code == 0 and "smollm2:135m" in done.out
    assert line.startswith("ollm: Provider 'ollama' is offline; its models are as of 20")
    assert "Ollama does not answer at" in line
    for was, now in zip(before, ollm("models", "--json").json, strict=True):
        assert now.pop("offline").startswith("Ollama does not answer")
        assert now == {key: value for key, value in was.items() if key != "offline"}
    refused = ollm("models", "--refresh")
    assert (refused.code, refused.out) == (4, "") and refused.err.startswith("ollm: Ollama does not answer")


# -- status -----------------------------------------------------------------------------------------------------------


def test_status_tells_what_is_in_memory(ollm, several):
    several.loaded["big:8b"] = several_minutes(several, "Big:8b")
    small = several_minutes(several, "smollm2:135m", 3600 * 24 * 365 * 292, size_vram=0)
    several.loaded["smollm2:135m"] = small
    header, *rows = [line.split("\t") for line in ollm("model", "ps").out.splitlines()]
    assert header == ["name", "provider", "memory", "processor", "context", "until"]
    first, second = sorted(rows)
    assert first[:5] == ["Big:8b", "ollama", "100 B", "48%/52% CPU/GPU", "8192"]
    assert first[5].startswith("4m ")
    assert second == ["smollm2:135m", "ollama", "100 B", "100% CPU", "8192", "forever"]
    done = {each["name"]: each for each in ollm("model", "status", "--json").json}
    assert 240 <= done["Big:8b"]["secondsLeft"] <= 250
    assert datetime.fromisoformat(done["Big:8b"]["expires"]) > datetime.now(UTC)
    assert done["smollm2:135m"]["secondsLeft"] is done["smollm2:135m"]["expires"] is None


def test_status_of_nothing(ollm, several):
    done = ollm("model", "status")
    assert (done.code, done.err) == (0, "ollm: No model is in memory.\n")
    assert ollm("model", "ps", "--json").json == []


def test_status_of_nobody(ollm, monkeypatch):
    done = ollm("model", "status", "--provider", "ollama")
    assert (done.code, done.out) == (4, "") and done.err.startswith("ollm: Ollama does not answer")


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_watching_needs_a_terminal(ollm, several, words):
    done = ollm("model", "ps", "--watch", *words)
    assert done.code == 2 and done.lines == [
        "ollm: --watch draws on a terminal, not in a pipe or as JSON. Leave it out."
    ]
    assert several.requests == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0.9, "0s"), (42, "42s"), (252, "4m 12s"), (3780, "1h 3m"), (187_200, "2d 4h")],
)
def test_time_spans_are_written_as_people_do(seconds, text):
    assert lasting(seconds) == text


@pytest.mark.parametrize(
    ("size", "gpu", "text"),
    [(0, 0, ""), (100, 0, "100% CPU"), (100, 100, "100% GPU"), (100, 300, "100% GPU"), (100, 52, "48%/52% CPU/GPU")],
)
def test_shares_are_written_as_ollama_does(size, gpu, text):
    assert processor(LoadedModel("m", size, gpu)) == text


# -- info -------------------------------------------------------------------------------------------------------------


def table(done):
    return {label: (value, origin) for label, value, origin in (line.split("\t") for line in done.out.splitlines()[1:])}


def test_info_tells_everything_and_how_it_is_known(ollm, several):
    done = ollm("model", "info", "SmolLM2:135m")
    facts = table(done)
    assert (done.code, done.err) == (0, "")
    assert facts["name"] == ("smollm2:135m", "server now")
    assert facts["size"] == ("98 MB", "server now")
    assert facts["digest"][0] == several.listed["smollm2:135m"]["digest"]
    assert facts["context window"] == ("8,192 tokens", "server now")
    assert facts["capabilities"] == ("completion, tools", "server now")
    assert facts["template"][0].startswith("{{- if .Tools }}") and facts["template"][0].endswith(
        "whole with --verbose)"
    )
    assert facts["default options"][0] == 'stop "<|im_start|>"; stop "<|im_end|>"'
    assert facts["system prompt"][0].startswith("You are a helpful AI assistant")
    assert facts["licence"] == ("Apache-2.0", "server now")
    assert facts["in memory"] == ("no", "server now")


def test_info_for_programs(ollm, several):
    several.loaded["smollm2:135m"] = several_minutes(several, "smollm2:135m")
    document = ollm("model", "show", "smollm2:135m", "--json").json
    known = {"name": "smollm2:135m", "provider": "ollama", "family": "llama", "contextWindow": 8192, "offline": None}
    assert document.items() >= known.items()
    assert document["capabilities"] == ["completion", "tools"]
    assert document["template"].endswith("{{- end }}\n") and document["template"].count("\n") > 20
    assert document["loaded"]["contextSize"] == 8192
    assert document["sources"]["contextWindow"] == {"source": "server", "origin": "server now"}
    assert set(document["sources"]) <= set(document)


def test_info_shows_long_texts_whole(ollm, several):
    done = ollm("model", "info", "smollm2:135m", "--verbose")
    template = ollm("model", "info", "smollm2:135m", "--json").json["template"]
    assert "template\tbelow\tserver now" in done.out and f"\ntemplate:\n{template}" in done.out


def test_info_tells_what_is_in_memory(ollm, several):
    several.loaded["smollm2:135m"] = several_minutes(several, "smollm2:135m")
    value, _ = table(ollm("model", "info", "smollm2:135m"))["in memory"]
    assert value.startswith("100 B, 48%/52% CPU/GPU, context 8192, leaves in 4m ")


def test_info_of_a_server_that_is_away(ollm, several):
    ollm("model", "info", "smollm2:135m")
    several.close()
    done = ollm("model", "info", "smollm2:135m")
    facts = table(done)
    assert done.code == 0 and facts["name"][1].startswith("server as of 20") and "in memory" not in facts
    assert done.err.startswith("ollm: Provider 'ollama' is offline; its models are as of 20")
    document = ollm("model", "info", "smollm2:135m", "--json").json
    assert document["offline"].startswith("Ollama does not answer") and document["loaded"] is None


def test_info_of_an_unknown_model_names_those_that_are_near(ollm, several):
    done = ollm("model", "info", "smolm2:135m")
    assert (done.code, done.out) == (3, "") and "smollm2:135m" in done.err and len(done.lines) == 1


def test_info_of_nobody(ollm):
    assert ollm("model", "info", "smollm2:135m", "--provider", "ollama").code == 4


class Knowing(Specs):
    """A plugin that knows limits, and how well tokens are estimated."""

    @hookimpl
    def ollm_services(self, ctx):
        return [Service("knowing", ModelKnowledge, lambda _: self), Service("counting", TokenCounter, lambda _: self)]

    def look_up(self, name, provider="", live=None):
        sources = {
            "context_window": "user",
            "max_output_tokens": "default",
            "family": "line",
            "profiles": "pattern",
            "tools": "tag",
            "vision": "tag",
            "thinking": "plugin",
            "embedding": "tag",
        }
        can = Capabilities(tools=True, thinking=True)
        return KnownLimits(
            name, True, 2048, can, 512, "acme", ("fast", "code"), source="user", sources=sources, matched="acme:1b"
        )

    def accuracy(self, model, provider):
        return TokenCount(12, error=0.0213)


def test_info_tells_what_others_know_and_how(ollm_app):
    harness = ollm_app(Models, Knowing, giving(acme=[ModelInfo("a:1b")]))
    done = harness.run_command("model info a:1b --provider acme")
    facts = {each.split("\t")[0]: tuple(each.split("\t")[1:]) for each in done.stdout.splitlines()}
    assert facts["context window"] == ("2,048 tokens", "your settings")
    assert facts["longest answer"] == ("512 tokens", "safe default")
    assert facts["family"] == ("acme", "database: model line (acme:1b)")
    assert facts["profiles"] == ("fast, code", "database: family pattern (acme:1b)")
    tags = "database: exact tag (acme:1b)"
    assert facts["capabilities"] == (
        "completion, tools, thinking",
        f"tools: {tags}; vision: {tags}; thinking: a plugin's pattern (acme:1b); embedding: {tags}",
    )
    assert facts["tokens"] == ("estimates are within 2.1 % (12 turns)", "your turns with it")
    document = harness.run_command("model info a:1b --provider acme --json").json
    assert document["tokenEstimate"] == {"error": 0.0213, "turns": 12}
    assert document["sources"]["capabilities"]["source"] == "mixed"


def test_a_list_is_completed_by_what_others_know(ollm_app):
    harness = ollm_app(Models, Knowing, giving(acme=[ModelInfo("a:1b"), ModelInfo("b", context_window=99)]))
    first, second = harness.run_command("model list --provider acme --json").json
    assert (first["contextWindow"], first["capabilities"]) == (2048, ["completion", "tools", "thinking"])
    assert (second["contextWindow"], second["family"]) == (99, "acme")


def test_a_safe_guess_completes_no_list(ollm, several):
    several.listed["mine:1b"] = entry("mine:1b", digest="f" * 64, details={"context_length": None, "family": "acme"})
    del several.listed["mine:1b"]["capabilities"]
    (mine,) = ollm("model", "list", "mine", "--json").json
    assert (mine["family"], mine["contextWindow"], mine["capabilities"]) == ("acme", None, [])
    assert "\tacme\t" in ollm("model", "list", "mine").out and "4096" not in ollm("model", "list", "mine").out


def test_info_of_one_in_memory_leaves_out_what_the_server_does_not_say(ollm, several):
    several.loaded["smollm2:135m"] = several_minutes(several, "smollm2:135m", 3600 * 24 * 365 * 292)
    for fact in ("size", "size_vram", "context_length"):
        del several.loaded["smollm2:135m"][fact]
    assert "\nin memory\tstays\t" in ollm("model", "info", "smollm2:135m").out


# -- use --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("model", "use"), ("use",)])
def test_a_model_is_chosen_in_the_file(ollm, several, words):
    done = ollm(*words, "smollm2:135m")
    assert (done.code, done.out, done.err) == (0, f"Model 'smollm2:135m' is chosen, in {ollm.config}\n", "")
    assert "default: smollm2:135m" in ollm.read() and "provider" not in ollm.read()
    again = ollm(*words, "SMOLLM2:135m", "--json").json
    assert again == {
        "key": "model.default",
        "value": "smollm2:135m",
        "provider": "ollama",
        "providerChosen": False,
        "file": str(ollm.config),
        "changed": False,
    }


def test_a_model_is_chosen_with_its_provider(ollm, several):
    done = ollm("model", "use", "smollm2:135m", "--provider", "ollama")
    assert done.out == f"Model 'smollm2:135m' of provider 'ollama' is chosen, in {ollm.config}\n"
    assert "provider: ollama" in ollm.read()


def test_a_stronger_choice_is_said(ollm, several, monkeypatch):
    monkeypatch.setenv("OLLM_MODEL", "other:1b")
    (line,) = ollm("use", "smollm2:135m").lines
    assert line.startswith("ollm: But model.default stays other:1b ($OLLM_MODEL)")


def test_that_a_plugin_chooses_for_each_turn_is_said(ollm, several, monkeypatch):
    monkeypatch.setenv("OLLM_PROFILE", "general")
    (line,) = ollm("use", "smollm2:135m").lines
    assert line.startswith("ollm: But a model is chosen anew for each turn, now ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("smolm2:135m",), 3, "smollm2:135m"),
        (("smollm2:135m", "--session"), 2, "--session makes sense in the REPL only"),
        (("embed:1b",), 2, "embed:1b cannot chat: all it can do is embedding"),
        (("smollm2:135m", "--provider", "olama"), 2, "did you mean ollama?"),
    ],
)
def test_what_cannot_be_chosen_is_refused(ollm, several, words, code, said):
    several.listed["embed:1b"] = entry("embed:1b", capabilities=["embedding"])
    done = ollm("model", "use", *words)
    assert done.code == code and said in done.err and len(done.lines) == 1 and done.out == ""
    assert not ollm.config.exists()


def test_a_model_of_another_provider_is_named_with_it(ollm_app):
    harness = ollm_app(Models, giving(one=[ModelInfo("a:1b")]), settings="model: {provider: one}\n")
    done = harness.run_command("model use scripted:1b")
    assert (
        done.exit_code == 3
        and "Provider 'scripted' has it: `ollm model use scripted:1b --provider scripted`" in done.stderr
    )


def test_a_server_that_is_away_may_be_chosen_for(ollm, several):
    ollm("models")
    several.close()
    done = ollm("model", "use", "smollm2:135m")
    assert done.code == 0 and "is chosen" in done.out and "is offline; its models are as of" in done.err
    assert ollm("model", "use", "unheard:1b").code != 0
