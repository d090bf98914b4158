"""Are plugins listed, examined, enabled and disabled, whatever is wrong with them?"""

import re
import textwrap

import pytest

from ollm.specs import Specs
from ollm_plugins.plugins.examine import HOOKS, ask
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.helpers.strangers import install

BOOM = 'raise RuntimeError("boom at import")\n'
MISSPELT = """
    import pluggy
    hookimpl = pluggy.HookimplMarker("ollm")
    class P:
        @hookimpl
        def ollm_toolz(self, ctx): return []
        @hookimpl
        def ollm_tools(self, ctx): raise ValueError("boom in hook")
    Plugin = P()
"""
DANGLING = """
    from ollm.api import Command, Tool, StatusItem, Specs, hookimpl
    number = 5
    async def run(ctx, args): return ""
    class Plugin(Specs):
        @hookimpl
        def ollm_commands(self, ctx):
            return [Command("dangle", "Nothing behind it.", "no_such_module:run")]
        @hookimpl
        def ollm_status_items(self, ctx):
            return [StatusItem("number", "{module}:number")]
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("untyped", "No parameters.", "{module}:Missing", run)]
"""
FINE = """
    from ollm.api import Command, Specs, hookimpl
    def hello(ctx): pass
    class Plugin(Specs):
        @hookimpl
        def ollm_commands(self, ctx):
            return [Command("hello", "Say hello.", hello)]
"""


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def add(name, source, **more):
        module = f"stranger_{more.get('distribution') or 'ollm-' + name}_{name}".replace("-", "_")
        return install(site, name, textwrap.dedent(source).replace("{module}", module), **more)

    add.site = site
    return add


def by_name(plugins):
    return {plugin["name"]: plugin for plugin in plugins}


def test_list_says_what_is_known_of_each(ollm, stranger):
    stranger("fine", FINE, version="2.5", distribution="acme-fine")
    done = ollm("plugins", "list", "--json")
    assert (done.code, done.err) == (0, "")
    found = by_name(done.json)
    fine = found["fine"]
    assert fine.pop("milliseconds") >= 0
    assert fine == {
        "name": "fine",
        "version": "2.5",
        "distribution": "acme-fine",
        "firstParty": False,
        "state": "active",
        "hooks": ["ollm_commands"],
    }
    assert found["plugins"]["firstParty"] and found["plugins"]["distribution"] == "ollm-cli"
    assert ollm("plugins", "list").out.splitlines()[0] == "name\tversion\tdistribution\tparty\tstate\tms\thooks"


def test_doctor_when_all_is_well(ollm, stranger):
    stranger("fine", FINE)
    done = ollm("plugins", "doctor")
    assert (done.code, done.err) == (0, ""), done.out
    count = len(ollm("plugins", "list", "--json").json)
    assert done.out.splitlines()[-1] == f"All {count} plugins are well"
    document = ollm("plugins", "doctor", "--json").json
    assert document["well"] is True
    costs = [plugin["milliseconds"] for plugin in document["plugins"]]
    assert costs == sorted(costs, reverse=True)
    assert all(plugin["startMilliseconds"] <= plugin["milliseconds"] for plugin in document["plugins"])


def test_doctor_names_who_slows_down_every_start(ollm, stranger):
    stranger("slug", "import time\ntime.sleep(1.5)\n" + textwrap.dedent(FINE))
    result = ollm("plugins", "doctor")
    assert result.code == 0
    assert re.search("^Plugin 'slug' takes [0-9]{4,} ms of every start: ", result.out, re.MULTILINE)
    assert result.out.splitlines()[-1].endswith("plugins are well")


def test_doctor_names_plugin_place_cause_and_remedy(ollm, stranger):
    stranger("boom", BOOM)
    stranger("misspelt", MISSPELT)
    done = ollm("plugins", "doctor")
    assert done.code == 1
    assert "boom (ollm-boom 1.0): failed\n  where:  import\n  cause:  RuntimeError: boom at import\n" in done.out
    assert "`ollm plugins disable boom`" in done.out
    assert "  where:  ollm_toolz\n" in done.out and "Did its author mean 'ollm_tools'?" in done.out
    assert "  where:  ollm_tools\n  cause:  ValueError: boom in hook\n" in done.out
    assert "Traceback" not in done.out + done.err
    assert done.out.splitlines()[-1].startswith("Something is wrong with 2 of ")
    traced = ollm("plugins", "doctor", "--trace")
    assert traced.out.count("Traceback") == 2 and 'raise RuntimeError("boom at import")' in traced.out
    plugins = by_name(ollm("plugins", "doctor", "--json").json["plugins"])
    (failure,) = plugins["boom"]["failures"]
    assert failure["where"] == "import" and failure["remedy"] and "Traceback" in failure["trace"]
    assert plugins["boom"]["state"] == "failed"


def test_doctor_follows_every_reference(ollm, stranger):
    stranger("dangling", DANGLING)
    assert ollm("plugins", "list").err == ""
    done = ollm("plugins", "doctor")
    assert done.code == 1
    assert "command 'dangle'\n  cause:  ModuleNotFoundError: No module named 'no_such_module'" in done.out
    assert "status item 'number'\n  cause:  render leads to a int, which cannot be called" in done.out
    assert "tool 'untyped'\n  cause:  AttributeError" in done.out


@pytest.mark.parametrize("hook", HOOKS)
def test_doctor_calls_every_hook(ollm, stranger, hook):
    argument = "paths" if hook == "ollm_settings_sections" else "ctx"
    stranger(
        "broken",
        f"""
        from ollm.api import Specs, hookimpl
        class Plugin(Specs):
            @hookimpl
            def {hook}(self, {argument}):
                raise ValueError("in {hook}")
    """,
    )
    done = ollm("plugins", "doctor")
    assert done.code == 1 and f"where:  {hook}\n  cause:  ValueError: in {hook}\n" in done.out


def test_the_hub_has_a_question_for_every_hook():
    from ollm.hub import Hub

    assert len(HOOKS) == len([name for name in vars(Specs) if name.startswith("ollm_")]) > 10
    assert [hook for hook in HOOKS if not hasattr(Hub, hook.removeprefix("ollm_"))] == []
    assert callable(ask)


def test_two_of_a_name_are_told_apart(ollm, stranger):
    stranger("same", FINE, distribution="aaa")
    stranger("same", FINE, distribution="bbb")
    done = ollm("plugins", "doctor")
    assert done.code == 1
    assert "the name 'same' of distribution 'bbb' is taken by distribution 'aaa'" in done.out
    assert "pip uninstall bbb" in done.out


def test_metadata_cannot_control_the_terminal(ollm, stranger):
    stranger("evil", 'raise RuntimeError("\\x1b]0;owned\\x07\\x9b31m")', version="1.0")
    for words in (("plugins", "list"), ("plugins", "doctor", "--trace"), ("plugins", "doctor", "--json")):
        done = ollm(*words)
        assert not {"\x1b", "\x07", "\x9b"} & set(done.out + done.err)


def test_disable_works_from_metadata_alone(ollm, stranger):
    stranger("boom", BOOM)
    ollm.write("# mine\nmodel: {default: x} # that\n")
    done = ollm("plugins", "disable", "boom")
    assert done.code == 0 and done.out == "Plugin 'boom' is disabled\n"
    assert ollm.read() == "# mine\nmodel: {default: x} # that\nplugins:\n  disabled: [boom]\n"
    after = ollm("plugins", "doctor")
    assert (after.code, after.err) == (0, "") and after.out.endswith("(1 disabled: boom)\n")
    assert by_name(ollm("plugins", "list", "--json").json)["boom"]["state"] == "blocked"
    again = ollm("plugins", "disable", "boom")
    assert again.code == 0 and "is already disabled" in again.out
    assert ollm("plugins", "enable", "boom").out == "Plugin 'boom' is enabled\n"
    assert ollm("plugins", "enable", "boom").code == 0
    assert "failed in import" in ollm("plugins", "list").err


def test_changes_are_told_to_programs(ollm):
    told = ollm("plugins", "disable", "options", "--json").json
    assert told == {
        "plugin": "options",
        "key": "plugins.disabled",
        "value": ["options"],
        "file": str(ollm.config),
        "changed": True,
    }
    assert ollm("plugins", "disable", "options", "--json").json == {**told, "changed": False}
    assert ollm("plugins", "enable", "options", "--json").json == {**told, "value": []}
    assert ollm("plugins", "enable", "options", "--json").json == {**told, "value": [], "changed": False}


def test_enable_keeps_comments_and_the_others(ollm, stranger):
    before = "plugins:\n    disabled:\n        - local   # slow\n        - gone   # uninstalled\n        - options\n"
    ollm.write(before)
    assert ollm("plugins", "enable", "gone").code == 0
    assert ollm.read() == before.replace("        - gone   # uninstalled\n", "")


@pytest.mark.parametrize("word", ["enable", "disable"])
def test_an_unknown_name_is_wrong_usage(ollm, word):
    done = ollm("plugins", word, "ollamma")
    assert done.code == 2 and "There is no plugin 'ollamma'; did you mean ollama?" in done.err
    assert not ollm.config.exists()


def test_plugins_does_not_disable_itself(ollm):
    done = ollm("plugins", "disable", "plugins")
    assert done.code == 2 and "by hand" in done.err and str(ollm.config) in done.err
    assert not ollm.config.exists()


def test_a_variable_that_is_stronger_is_named(ollm, monkeypatch):
    monkeypatch.setenv("OLLM_PLUGINS_DISABLED", "local")
    assert "'options' stays enabled: $OLLM_PLUGINS_DISABLED" in ollm("plugins", "disable", "options").err
    assert ollm("plugins", "disable", "local").err == ""
    assert "'local' stays disabled" in ollm("plugins", "enable", "local").err


@pytest.mark.parametrize(
    ("text", "said"),
    [("plugins: [\n", "is not valid YAML"), ("plugins:\n  disabled: local\n", "config.yaml:2: plugins.disabled")],
)
def test_a_broken_file_is_not_changed(ollm, text, said):
    ollm.write(text)
    for word in ("enable", "disable"):
        done = ollm("plugins", word, "local")
        assert done.code == 2 and said in done.err
    assert ollm.read() == text
    for word in ("list", "doctor"):
        done = ollm("plugins", word)
        assert done.code == 0 and said in done.err


def test_a_broken_plugin_spoils_nothing(ollm, stranger):
    stranger("boom", BOOM)
    stranger("misspelt", MISSPELT)
    ollm.write("boom:\n  key: of a plugin that did not load\n")
    path = {"PYTHONPATH": str(stranger.site)}
    for words in (["--version"], ["--help"], ["plugins", "list", "--json"], ["provider", "list"], ["config", "show"]):
        done = ollm.real(*words, **path)
        assert done.code == 0 and "Traceback" not in done.err, (words, done)
    assert ollm.real("plugins", "doctor", **path).code == 1
    assert ollm.real("plugins", "disable", "boom", **path).code == 0
    assert "boom" not in ollm.real("provider", "list", **path).err
    assert ollm.real("--strict-plugins", "plugins", "list", **path).code == 1


def test_the_doctor_bears_a_distribution_without_name_or_version(ollm, tmp_path):
    site = tmp_path / "damaged"
    info = site / "damaged-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("")
    (info / "entry_points.txt").write_text("[ollm]\ndamaged = nosuch_damaged:Plugin\n")
    done = ollm.real("plugins", "doctor", PYTHONPATH=str(site))
    assert "damaged" in done.out + done.err and "Traceback" not in done.err and "TypeError" not in done.err
    done = ollm.real("plugins", "list", "--json", PYTHONPATH=str(site))
    assert {each["distribution"] for each in done.json if each["name"] == "damaged"} == {"unknown"}
