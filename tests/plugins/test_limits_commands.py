"""Do `limits` and `limits check` say what is known, in the shell and in the REPL?"""

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.models.plugin import Plugin as Models
from ollm_plugins.ollama.plugin import Plugin as Ollama

from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay.entries import entry
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)


@pytest.fixture
def at(remembering, ollm_app):
    """Run command lines against a server with some models."""

    def make(*entries, plugins=(Ollama, Models, Limits), settings="", **options):
        given = {"listed": list(entries)} if entries else {}
        server = remembering(**given, **options)
        return ollm_app(*plugins, settings=f"providers: {{ollama: {{host: '{server.url}'}}}}\n{settings}")

    return make


def test_limits_needs_no_server(ollm):
    done = ollm("limits", "qwen3:4b", "Gemma3:1b", "gpt-4o:latest", "--json")
    assert (done.code, done.err) == (0, "")
    assert [each["name"] for each in done.json] == ["qwen3:4b", "Gemma3:1b", "gpt-4o:latest"]
    first, second, third = done.json
    assert first == {
        "name": "qwen3:4b",
        "known": True,
        "contextWindow": 262144,
        "maxOutputTokens": None,
        "capabilities": {"tools": True, "vision": False, "streaming": True, "thinking": True, "embedding": False},
        "family": "qwen3",
        "profiles": ["fast", "general", "code"],
        "source": "tag",
        "sources": {
            "contextWindow": "tag",
            "maxOutputTokens": "default",
            "family": "tag",
            "profiles": "tag",
            "tools": "tag",
            "vision": "tag",
            "streaming": "tag",
            "thinking": "tag",
            "embedding": "tag",
        },
        "matched": "qwen3:4b",
    }
    assert (second["contextWindow"], second["capabilities"]["vision"]) == (32768, False)
    assert (third["known"], third["contextWindow"], third["source"], third["matched"]) == (False, 4096, "default", "")


def test_limits_for_people_say_where_each_fact_comes_from(ollm):
    ollm.write("models: {'llama3.1:*': {limits: {contextWindow: 16384}}}\n")
    done = ollm("limits", "llama3.1")
    assert done.code == 0
    assert done.out.splitlines()[:2] == ["llama3.1 (llama3.1:*)", "fact\tvalue\tknown from"]
    assert "context window\t16,384 tokens\tyour settings" in done.out
    assert "tools\tyes\tthe database" in done.out and "vision\tno\tthe database" in done.out
    done = ollm("limits", "nobodys\x1b[31m:1b")
    assert "Nobody knows" in done.err and "\x1b" not in done.out + done.err
    assert "context window\t4,096 tokens\tnobody; a safe guess" in done.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [([], 2, "Name at least one model"), (["a", "--provider", "olama"], 2, "did you mean ollama?")],
)
def test_wrong_usage(ollm, words, code, said):
    done = ollm("limits", *words)
    assert done.code == code and said in done.err


@pytest.mark.parametrize("words", [("limits", "llama3.1:8b"), ("limits", "check"), ("limits",)])
def test_help_has_examples(ollm, words):
    done = ollm(*words, "--help")
    assert done.code == 0 and "ollm limits" in done.out and ":raises" not in done.out


def test_live_asks_the_server(at):
    ollm = at(entry("llama3.1:8b", details={"context_length": 2048}))
    offline, live = (ollm.run_command(f"limits llama3.1:8b {flag}--json").json[0] for flag in ("", "--live "))
    assert (offline["contextWindow"], offline["source"]) == (131072, "tag")
    assert (live["contextWindow"], live["source"]) == (2048, "server")


@pytest.mark.parametrize("words", ["--live", "--provider ollama"])
def test_live_without_the_server_says_so_and_answers(ollm_app, words):
    ollm = ollm_app(Ollama, Models, Limits, settings="providers: {ollama: {host: 'http://127.0.0.1:9'}}")
    done = ollm.run_command(f"limits llama3.1:8b {words} --json")
    assert (done.exit_code, done.json[0]["source"]) == (0, "tag")
    assert done.stderr.startswith("ollm: Without the server: ")


def test_live_needs_somebody_to_ask(ollm_app):
    done = ollm_app(Limits).run_command("limits llama3.1:8b --live --json")
    assert (done.exit_code, done.json[0]["source"]) == (0, "tag") and "no server was asked" in done.stderr


# --- check


def test_check_finds_nothing_where_nothing_differs(at):
    done = at().run_command("limits check --provider ollama --json")
    assert done.exit_code == 0
    unknown = ["ollama/smollm2-native:135m", "ollama/smollm2-pirate:latest"]
    assert done.json == {"compared": 2, "unknown": unknown, "differences": []}
    done = at().run_command("limits check --provider ollama")
    assert (done.exit_code, done.stdout) == (0, "2 models compared; nothing differs\n")
    assert "smollm2-pirate" in done.stderr


def test_check_lists_every_difference(at):
    differing = entry(
        "smollm2:135m", capabilities=["completion", "vision"], details={"context_length": 2048, "family": "x"}
    )
    ollm = at(differing, entry("gemma3:270m", like="gemma3:270m"))
    done = ollm.run_command("limits check --provider ollama --json")
    assert done.exit_code == 1
    assert [tuple(each.values()) for each in done.json["differences"]] == [
        ("ollama", "smollm2:135m", "contextWindow", 8192, 2048),
        ("ollama", "smollm2:135m", "family", "llama", "x"),
        ("ollama", "smollm2:135m", "tools", True, False),
        ("ollama", "smollm2:135m", "vision", False, True),
    ]
    done = ollm.run_command("limits check --provider ollama")
    assert done.exit_code == 1 and "ollama/smollm2:135m\ttools\tyes\tno\n" in done.stdout


def test_check_takes_the_users_settings_for_no_part_of_the_database(at):
    ollm = at(entry("smollm2:135m"), settings="models: {'*': {limits: {contextWindow: 5}}}")
    assert ollm.run_command("limits check --provider ollama").exit_code == 0


def test_check_shows_models_of_which_the_list_says_too_little(at):
    """Before 0.30, /api/tags gave neither capabilities nor a context length."""
    old = entry("smollm2:135m")
    del old["capabilities"], old["details"]["context_length"]
    done = at(old).run_command("limits check --provider ollama --json")
    assert (done.exit_code, done.json["compared"]) == (0, 1)


def test_check_knows_an_alias_by_its_digest(at):
    alias = entry("gpt-4o", digest="46e0c10c039e" + "0" * 52, details={"context_length": 131072})
    done = at(alias).run_command("limits check --provider ollama --json")
    assert done.json == {"compared": 1, "unknown": [], "differences": []}


def test_check_without_a_server(ollm_app):
    ollm = ollm_app(Ollama, Limits, settings="providers: {ollama: {host: 'http://127.0.0.1:9'}}")
    done = ollm.run_command("limits check --provider ollama")
    assert done.exit_code == 4 and done.stdout == ""
    ollm = ollm_app(Ollama, Limits, settings="", environ={"OLLAMA_HOST": "http://127.0.0.1:9"})
    done = ollm.run_command("limits check --json")
    assert done.exit_code == 0 and done.json["compared"] == 0, "another provider answered"
    assert "127.0.0.1:9" in done.stderr


def test_the_repl_has_both(at):
    from ollm.command_tree import tree
    from ollm.commands import CommandContext, dispatch, root_group

    app = at().app
    group = root_group(tree(app.hub, "repl"), app.hub, CommandContext(app, "repl"), None)
    assert dispatch(group, ["limits", "smollm2:135m"], "") == 0
    assert dispatch(group, ["limits", "check", "--provider", "ollama"], "") == 0
    assert "nothing differs" in app.out.stdout.getvalue()


def test_check_of_a_damaged_model_compares_what_the_list_says(at):
    old = entry("smollm2:135m", details={"family": "x"})
    del old["capabilities"], old["details"]["context_length"]
    done = at(old, script={"/api/show": "show_blob_missing"}).run_command("limits check --provider ollama --json")
    assert [each["fact"] for each in done.json["differences"]] == ["family"]
