"""Are models fetched, deleted and copied by command as their server and their user want?"""

import json
import re
import signal

import pytest
from ollm_plugins.models import fetch
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.models.pull_view import PullView

from ollm.api import ModelInfo, Progress, ProviderEntry, Specs, Step, Waiting, hookimpl
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay import entry, load
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

SMALL, TWIN, OTHER = "smollm2:135m", "smollm2-twin:latest", "gemma3:270m"


@pytest.fixture
def server(remembering, monkeypatch):
    """A server that has two models, one of them under two names, and a registry with three more."""
    pulls = {
        "new:1b": "pull_fresh_gemma3",
        "cut:1b": ["pull_client_hangs_up", "pull_resumed"],
        "torn:1b": "pull_digest_mismatch",
        "away:1b": "pull_registry_down_localhost",
    }
    server = remembering(listed=[entry(SMALL), entry("smollm2-twin"), entry(OTHER, OTHER)], pulls=pulls)
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    monkeypatch.setenv("OLLM_PROVIDER", "ollama")
    return server


# -- pull -------------------------------------------------------------------------------------------------------------


def test_a_pull_says_how_far_it_is_and_what_has_come(ollm, server):
    done = ollm("model", "pull", "new:1b")
    assert done.code == 0 and done.out.startswith("new:1b pulled: 253 MB in ") and done.out.endswith("/s)\n")
    assert done.lines[0] == "new:1b: pulling manifest"
    assert done.lines[1].startswith("new:1b: ") and done.lines[1].endswith(" of 253 MB")
    assert done.lines[-2:] == ["new:1b: verifying sha256 digest", "new:1b: writing manifest"]
    assert "new:1b" in server.listed


def test_a_model_that_is_there_is_not_fetched_again(ollm, server):
    done = ollm("model", "pull", SMALL)
    assert (done.code, done.out) == (0, f"{SMALL} is there already: 98 MB, nothing was fetched\n")


def test_several_names_are_a_queue_that_no_failure_stops(ollm, server):
    done = ollm("model", "pull", "torn:1b", "nosuch:1b", "new:1b", "new:1b", "--json")
    assert done.code == 1
    torn, missing, new = done.json
    assert (torn["name"], torn["status"]) == ("torn:1b", "failed") and "digest" in torn["error"]
    assert (missing["status"], new["status"], new["error"]) == ("failed", "pulled", None)
    assert (new["provider"], new["bytes"], new["resumed"]) == ("ollama", 253_113_024, 0) and new["seconds"] > 0
    errors = [line for line in done.lines if line.startswith("ollm: ")]
    assert errors == [f"ollm: {torn['error']}", f"ollm: {missing['error']}"]
    assert [each.json["model"] for each in server.asked("/api/pull")] == ["torn:1b", "nosuch:1b", "new:1b"]


@pytest.mark.parametrize(("name", "code"), [("nosuch:1b", 3), ("torn:1b", 1), ("away:1b", 4), ("bad name!!", 2)])
def test_a_failed_pull_has_the_exit_code_of_its_cause(ollm, server, name, code):
    done = ollm("model", "pull", name)
    assert done.code == code, done.err
    assert done.out == "" and len([line for line in done.lines if line.startswith("ollm: ")]) == 1


def test_a_pull_of_nobody(ollm):
    done = ollm("model", "pull", SMALL, "--provider", "ollama")
    assert (done.code, done.out) == (4, "") and done.err.startswith("ollm: Ollama does not answer")


def test_a_pull_of_nothing_is_wrong_usage(ollm):
    done = ollm("model", "pull")
    assert done.code == 2 and "missing argument 'NAME…'" in done.err and len(done.lines) == 1


def test_a_pull_may_be_insecure(ollm, server):
    ollm("model", "pull", "new:1b", "--insecure")
    assert server.asked("/api/pull")[0].json["insecure"] is True


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_ctrl_c_stops_a_pull_and_the_next_one_resumes(ollm, server, words):
    process = ollm.process("model", "pull", "cut:1b", "new:1b", *words)
    while " of 98 MB" not in (line := process.stderr.readline()):
        assert line, "the pull ended by itself"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert server.wait_for_hangup(30).request.json["model"] == "cut:1b"
    assert re.search(
        r"^ollm: The pull of cut:1b was stopped at [\d.]+ [kM]B of 98 MB\. The server keeps what", err, re.M
    )
    assert "ollm: Not begun: new:1b." in err and "Traceback" not in err
    if words:
        stopped, unbegun = json.loads(out)
        assert (stopped["status"], unbegun["status"]) == ("interrupted", "notStarted")
        assert 0 < stopped["bytes"] <= 39_780_352
    else:
        assert out == ""
    again = ollm("model", "pull", "cut:1b")
    assert any(line.startswith("cut:1b: ") and line.endswith("of 98 MB (resumed at 40 MB)") for line in again.lines)
    assert again.out.startswith("cut:1b pulled: 98 MB, 40 MB of it before, in ")


def test_silence_is_said_ever_more_rarely(ollm, server, monkeypatch):
    monkeypatch.setattr(fetch, "SILENCE", 0.02)
    dying = load("pull_registry_dies")
    waits = tuple(0 if number < 40 else 600 for number in range(len(dying.lines)))
    server.pulls = {"dying:1b": dying.but(line_ms=waits, total_ms=600)}
    server.speed = 1.0
    done = ollm("model", "pull", "dying:1b")
    said = [line for line in done.lines if "no progress for" in line]
    assert done.code == 4 and 1 <= len(said) <= 3, done.err
    assert all(line.endswith(" s; the server is retrying") for line in said)


class Lines:
    """What a view shows, where lines are all that can be shown."""

    draws_aside = False

    def __init__(self):
        self.shown = []


class Bars(Lines):
    draws_aside = True


def shown_by(out, *events, name="a:1b"):
    view = PullView(out, name, out.shown.append)
    for event in events:
        view.take(event)
    return out.shown


def test_a_bar_for_the_whole_stands_above_that_of_its_layer():
    digest = "sha256:" + "941f309b54ca" * 5
    layer, whole = Progress(digest, 60, 90, resumed=40), Progress("A:1b", 62, 92, resumed=41)
    assert shown_by(Bars(), Step("pulling manifest"), layer, whole) == [
        Step("pulling manifest"),
        Progress("a:1b", 62, 92, resumed=41),
        Progress("layer 941f309b54ca", 60, 90, resumed=40),
        Step("resumed at 41 B"),
    ]


def test_silence_within_a_layer_is_not_silence_within_a_stage():
    whole = Progress("a:1b", 62, 92)
    texts = [
        each.text
        for each in shown_by(Bars(), whole, Waiting("x", 5.02), whole, Step("verifying"), Waiting("verifying", 10.1))
        if isinstance(each, Step)
    ]
    assert texts == ["", "no progress for 5 s; the server is retrying", "", "verifying", "verifying (10 s)"]


def test_lines_are_about_the_whole_and_sure():
    layer = Progress("941f309b54ca", 40, 92, resumed=40)
    unsure, sure = Progress("a:1b", 40, 92, resumed=40), Progress("a:1b", 50, 92, resumed=40)
    shown = shown_by(Lines(), layer, unsure, sure, *(Waiting("x", seconds) for seconds in (5, 10, 15, 20, 25)))
    assert shown[0] == sure
    assert [each.text.split(";")[0] for each in shown[1:]] == [f"a:1b: no progress for {n} s" for n in (5, 10, 20)]


def test_work_that_is_not_counted_in_bytes_is_shown_for_itself():
    unpacking = Progress("unpacking", 1, 93, "steps")
    assert shown_by(Lines(), unpacking) == shown_by(Bars(), unpacking) == [unpacking]


# -- delete -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["delete", "rm", "remove"])
def test_a_model_is_deleted_and_what_is_freed_is_said(ollm, server, command):
    done = ollm("model", command, OTHER.upper(), "--yes")
    assert (done.code, done.out, done.err) == (0, f"{OTHER} deleted: 253 MB freed\n", "")
    assert OTHER not in server.listed


def test_one_that_is_loaded_is_unloaded_first(ollm, server):
    server.loaded[OTHER] = {**server.listed[OTHER], "expires_at": "2300-01-01T00:00:00Z", "context_length": 8}
    assert ollm("model", "delete", OTHER, "--yes").out == f"{OTHER} deleted, after it was unloaded: 253 MB freed\n"
    assert server.loaded == {} and OTHER not in server.listed


def test_one_of_two_names_frees_nothing(ollm, server):
    done = ollm("model", "delete", SMALL, "--yes")
    assert done.out == f"{SMALL} deleted; nothing is freed: {TWIN} is the same model\n"


def test_several_are_deleted_for_programs(ollm, server):
    done = ollm("model", "delete", SMALL, "smolm2-twin", TWIN, "--yes", "--json")
    first, failed, last = done.json
    assert done.code == 3
    assert first == {
        "name": SMALL,
        "provider": "ollama",
        "status": "deleted",
        "freed": 0,
        "unloaded": False,
        "sameAs": [TWIN],
        "error": None,
    }
    assert failed["status"] == "failed" and "smollm2-twin" in failed["error"]
    assert (last["status"], last["freed"], last["sameAs"]) == ("deleted", 98_364_106, [])
    assert list(server.listed) == [OTHER]


def test_nothing_is_deleted_unasked(ollm, server):
    done = ollm("model", "delete", SMALL)
    assert done.code == 2
    assert done.lines == [f"ollm: Nobody can be asked whether to delete {SMALL}. Say --yes to go on."]
    assert SMALL in server.listed


@pytest.mark.parametrize("way", [{"OLLM_MODEL": SMALL.upper()}, {"OLLM_MODEL": SMALL, "OLLM_PROVIDER": "ollama"}])
def test_the_model_in_use_needs_a_second_word(ollm, server, monkeypatch, way):
    for name, value in way.items():
        monkeypatch.setenv(name, value)
    done = ollm("model", "delete", SMALL, "--yes")
    assert done.code == 2 and SMALL in server.listed
    assert done.lines == [f"ollm: {SMALL} is in use: it is model.default in your settings. Say --in-use to go on."]
    done = ollm("model", "delete", SMALL, "--yes", "--in-use")
    assert done.code == 0 and SMALL not in server.listed
    assert done.lines == ["ollm: model.default still names it; `ollm model use NAME` names another."]


@pytest.mark.parametrize("words", [("model", "delete", "--yes", SMALL), ("model", "copy", SMALL, "mine")])
def test_nothing_is_changed_at_a_server_that_is_away(ollm, server, words):
    ollm("models")
    server.close()
    done = ollm(*words)
    assert (done.code, done.out) == (4, "") and done.err.startswith("ollm: Ollama does not answer")


def test_which_of_two_is_meant_must_be_said(ollm_app):
    class Acme(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [ProviderEntry(name, "Acme's", lambda _, name=name: Fake(name)) for name in ("one", "two")]

    done = ollm_app(Models, Acme).run_command("model delete a:1b --yes")
    assert done.exit_code == 2
    assert done.stderr == "ollm: Several providers have a model a:1b: one, two. Choose one with --provider.\n"


class Fake:
    """A provider with one model."""

    def __init__(self, name):
        self.name = name

    async def check(self):
        raise NotImplementedError

    async def list_models(self):
        return [ModelInfo("a:1b")]

    async def show_model(self, name):
        return ModelInfo("a:1b")

    def chat(self, request):
        raise NotImplementedError

    async def aclose(self):
        pass


# -- copy -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["copy", "cp"])
def test_a_model_gets_a_second_name(ollm, server, command):
    done = ollm("model", command, "Smollm2:135m", "mine")
    assert (done.code, done.out, done.err) == (0, f"mine is now a second name of {SMALL}\n", "")
    assert server.listed["mine:latest"]["digest"] == server.listed[SMALL]["digest"]


def test_a_copy_for_programs(ollm, server):
    done = ollm("model", "copy", SMALL, "smollm2-twin", "--json")
    assert done.json == {"name": "smollm2-twin", "sameAs": SMALL, "provider": "ollama", "replaced": True}


def test_another_model_is_not_replaced_unasked(ollm, server):
    done = ollm("model", "copy", SMALL, OTHER)
    assert done.code == 2
    assert done.lines == [f"ollm: {OTHER} is another model (253 MB), which would be replaced. Say --yes to go on."]
    assert ollm("model", "copy", SMALL, OTHER, "--yes").code == 0
    assert server.listed[OTHER]["digest"] == server.listed[SMALL]["digest"]


@pytest.mark.parametrize(
    ("words", "code"),
    [(("nosuch", "mine"), 3), ((SMALL, "Smollm2:135M"), 2), ((SMALL, "bad name!!"), 2), ((SMALL,), 2)],
)
def test_a_copy_that_makes_no_sense(ollm, server, words, code):
    done = ollm("model", "copy", *words)
    assert done.code == code, done.err
    assert done.out == "" and len(done.lines) == 1


@pytest.mark.parametrize("command", ["list", "pull", "delete", "info", "use", "status", "copy"])
def test_help_has_examples(ollm, command):
    done = ollm("model", command, "--help")
    assert done.code == 0 and "Examples:" in done.out and f"  ollm model {command}" in done.out


@pytest.mark.parametrize("words", ["delete --yes", "info", "use", "copy x"])
def test_an_empty_name_is_wrong_usage(ollm, server, words):
    command, *more = words.split()
    done = ollm("model", command, "", *more)
    assert (done.code, done.out, done.lines) == (
        2,
        "",
        ["ollm: The name of a model is empty. `ollm model list` lists the models."],
    )
