"""Are models listed, examined and chosen, whatever their providers do?"""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.models.wording import human, lasting, processor

from ollm.api import Health, LoadedModel, ModelInfo, PluginError, ProviderEntry, ProviderUnreachable, Specs, hookimpl
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
            await asyncio.wait_for(self._meeting.wait(), 5)
        if isinstance(self._given, Exception):
            raise self._given
        return self._given

    async def show_model(self, name):
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
    monkeypatch.setattr("ollm.selection.PATIENCE", 0.4)
    harness = ollm_app(Models, giving(slow=lambda ctx: Fake("slow", [], 3600)))
    done = harness.run_command("model list --json")
    assert done.exit_code == 0 and len(done.json) == 1
    assert "'slow': Provider 'slow' did not answer within 0.4 s. Try again later." in done.stderr
    assert harness.run_command("model list --provider slow").exit_code == 4


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
