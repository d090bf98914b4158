"""Are providers listed, chosen and reached, whatever they do?"""

import json
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ollm.settings_file import read_settings
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.helpers.strangers import install

PROVIDERS = """
    import asyncio
    from ollm.api import Health, ModelInfo, ProviderEntry, ProviderUnreachable, Specs, hookimpl

    MEETING = None

    class Fake:
        def __init__(self, name, error=None, seconds=0):
            self.name, self._error, self._seconds = name, error, seconds
        async def check(self):
            await asyncio.sleep(self._seconds)
            if MEETING:
                await asyncio.wait_for(MEETING.wait(), 30)
            if self._error:
                raise self._error
            return Health("moon\\x1b[31m", "7")
        async def list_models(self): return [ModelInfo("a"), ModelInfo("b")]
        async def show_model(self, name): return ModelInfo(name)
        def chat(self, request): raise NotImplementedError
        async def aclose(self): pass

    def unmakeable(ctx):
        raise RuntimeError("no engine")

    class Plugin(Specs):
        @hookimpl
        def ollm_providers(self, ctx):
            return [
                ProviderEntry("acme", "Acme's", lambda ctx: Fake("acme"), order=20),
                ProviderEntry("slow", "Slow", lambda ctx: Fake("slow"), order=21),
                ProviderEntry("away", "Away", lambda ctx: Fake("away", ProviderUnreachable("It is away", "Wait.")), order=1),
                ProviderEntry("broken", "Breaks", lambda ctx: Fake("broken", ValueError("oops")), order=22),
                ProviderEntry("unmade", "Cannot be made", unmakeable, order=23),
            ]
"""


def add(tmp_path, monkeypatch, source):
    """Install the plugin `acme`."""
    install(tmp_path / "site", "acme", textwrap.dedent(source))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setenv("OLLM_PLUGINS_DISABLED", "local")


@pytest.fixture
def acme(tmp_path, monkeypatch):
    add(tmp_path, monkeypatch, PROVIDERS)


class Ollama(BaseHTTPRequestHandler):
    def do_GET(self):
        answers = {"/api/version": {"version": "0.31.1"}, "/api/tags": {"models": [{"name": "m:1b", "model": "m:1b"}]}}
        body = json.dumps(answers.get(self.path, {"models": []})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Ollama)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{httpd.server_port}")
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def test_list_reaches_all_at_once_and_marks_the_first(ollm, tmp_path, monkeypatch):
    # Nobody answers before all four are asked.
    add(tmp_path, monkeypatch, PROVIDERS.replace("MEETING = None", "MEETING = asyncio.Barrier(4)"))
    done = ollm("provider", "list", "--json")
    assert done.code == 0
    assert [each["name"] for each in done.json] == ["away", "ollama", "acme", "slow", "broken", "unmade"]
    found = {each["name"]: each for each in done.json}
    assert [name for name in found if found[name]["reachable"]] == ["acme", "slow"]
    assert [name for name in found if found[name]["first"]] == ["acme"]
    assert not any(each["chosen"] for each in done.json)
    assert found["acme"] == {
        "name": "acme",
        "summary": "Acme's",
        "plugin": "acme",
        "where": "moon\x1b[31m",
        "reachable": True,
        "version": "7",
        "chosen": False,
        "first": True,
        "problem": None,
        "remedy": None,
    }
    assert (found["away"]["problem"], found["away"]["remedy"]) == ("It is away", "Wait.")
    assert found["broken"]["problem"] == "Provider 'broken' failed: ValueError: oops"


def test_list_as_a_table_is_safe_to_print(ollm, acme):
    done = ollm("provider", "list")
    assert done.code == 0 and "\x1b" not in done.out
    assert "first\tacme\tready\t7\tmoon\u241b[31m\tAcme's" in done.out
    assert "\taway\taway\t\t\tAway" in done.out and "ollm: It is away" in done.err


def test_the_chosen_one_is_marked(ollm, acme, monkeypatch):
    monkeypatch.setenv("OLLM_PROVIDER", "slow")
    found = {each["name"]: each for each in ollm("provider", "list", "--json").json}
    assert [name for name in found if found[name]["chosen"]] == ["slow"]
    assert not any(each["first"] for each in found.values())
    monkeypatch.setenv("OLLM_PROVIDER", "slo")
    assert "There is no provider 'slo'; did you mean slow?" in ollm("provider", "list").err


def test_use_writes_and_none_takes_back(ollm, acme):
    ollm.write("# mine\n")
    done = ollm("provider", "use", "acme")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"Provider 'acme' is chosen, in {ollm.config}\n"
    assert read_settings(ollm.config).values["model"]["provider"] == "acme" and ollm.read().startswith("# mine\n")
    assert ollm("provider", "check").out.startswith("Provider 'acme' is at moon")
    done = ollm("provider", "use", "--none")
    assert (done.code, done.err) == (0, "") and "model" not in read_settings(ollm.config).values
    assert ollm("provider", "use", "--none").code == 0


def test_use_is_told_to_programs(ollm, acme):
    told = ollm("provider", "use", "acme", "--json").json
    assert told == {"key": "model.provider", "value": "acme", "file": str(ollm.config), "changed": True}
    assert ollm("provider", "use", "acme", "--json").json == {**told, "changed": False}
    assert ollm("provider", "use", "--none", "--json").json == {**told, "value": None}
    assert ollm("provider", "use", "--none", "--json").json == {**told, "value": None, "changed": False}


def test_use_of_one_that_is_away_is_one_document_too(ollm, acme):
    done = ollm("provider", "use", "away", "--json")
    assert done.json["value"] == "away" and "cannot be reached now" in done.err


def test_an_address_is_shown_without_its_password(ollm, server, monkeypatch):
    there = f"me:s3cret@127.0.0.1:{server.server_port}"
    for host in (f"http://{there}", "http://me:s3cret@127.0.0.1:9"):
        monkeypatch.setenv("OLLM_HOST", host)
        for words in (["list"], ["list", "--json"], ["check", "ollama"], ["check", "ollama", "--json"]):
            done = ollm("provider", *words)
            assert "127.0.0.1" in done.out + done.err and "s3cret" not in done.out + done.err


def test_use_of_one_that_is_away(ollm, acme):
    done = ollm("provider", "use", "away")
    assert done.code == 0 and done.err == "ollm: It cannot be reached now: It is away. Wait.\n"
    assert read_settings(ollm.config).values["model"]["provider"] == "away"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["olama"], "There is no provider 'olama'; did you mean ollama?"),
        ([], "Give either the name"),
        (["acme", "--none"], "Give either the name"),
    ],
)
def test_use_of_nonsense_is_wrong_usage(ollm, acme, words, said):
    done = ollm("provider", "use", *words)
    assert done.code == 2 and said in done.err and not ollm.config.exists()


def test_use_says_what_is_stronger(ollm, acme, monkeypatch):
    monkeypatch.setenv("OLLM_PROVIDER", "slow")
    done = ollm("provider", "use", "acme")
    assert done.lines == ["ollm: But model.provider stays slow ($OLLM_PROVIDER), which is stronger than your file."]


def test_use_holds_at_once_in_the_repl(ollm, acme, monkeypatch, capsys):
    from ollm.app import App
    from ollm.command_tree import tree
    from ollm.commands import CommandContext, dispatch, root_group

    monkeypatch.setenv("OLLM_PROVIDER", "slow")
    app = App()
    try:
        group = root_group(tree(app.hub, "repl"), app.hub, CommandContext(app, "repl"), None)
        assert app.providers.chosen() == "slow"
        assert dispatch(group, ["provider", "use", "acme"], "") == 0
        assert app.providers.chosen() == "acme"
        assert "stronger" not in capsys.readouterr().err
        assert dispatch(group, ["provider", "use", "--none"], "") == 0
        assert app.providers.chosen() is None
        assert dispatch(group, ["config", "set", "options.seed", "5"], "") == 0
        assert app.settings.get("options.seed") == 5
    finally:
        app.close()


def test_check_counts_models(ollm, server):
    done = ollm("provider", "check")
    where = f"http://127.0.0.1:{server.server_port}"
    assert done.out == f"Provider 'ollama' is at {where}, version 0.31.1, with 1 model\n"
    document = ollm("provider", "check", "ollama", "--json").json
    assert document["reachable"] and document["models"] == 1 and document["where"] == where


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("away", 4, "It is away"),
        ("ollama", 4, "127.0.0.1:9"),
        ("broken", 1, "Provider 'broken' failed"),
        ("unmade", 1, "Provider 'unmade' could not be set up"),
        ("nobody", 2, "There is no provider 'nobody'"),
    ],
)
def test_check_says_why_not(ollm, acme, name, code, said):
    done = ollm("provider", "check", name)
    assert (done.code, done.out) == (code, "") and said in done.err and "Traceback" not in done.err
    if code != 2:
        asked = ollm("provider", "check", name, "--json")
        assert asked.code == code and asked.json["reachable"] is False and asked.json["models"] is None


def test_check_without_a_name_takes_the_first_that_is_there(ollm, acme):
    assert ollm("provider", "check", "--json").json["name"] == "acme"


def test_a_provider_that_never_answers_is_given_up(ollm, tmp_path, monkeypatch):
    add(tmp_path, monkeypatch, PROVIDERS.replace('Fake("slow")', 'Fake("slow", seconds=3600)'))
    monkeypatch.setattr("ollm.selection.PATIENCE", 0.6)
    done = ollm("provider", "check", "slow")
    assert done.code == 4 and "did not answer within 0.6 s" in done.err


def test_the_real_program(ollm, server):
    assert ollm.real("provider", "check").code == 0
    assert ollm.real("provider", "check", OLLAMA_HOST="http://127.0.0.1:9", OLLM_PROVIDER="ollama").code == 4
    assert ollm.real("provider", "use", "ollama").code == 0
    assert len(ollm.real("provider", "list", "--json").json) >= 2
