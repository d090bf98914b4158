import importlib.metadata
import sys

import pytest

from ollm.errors import PluginError
from ollm.host import Host, PluginRecord
from ollm.specs import API_VERSION

HEAD = "from ollm.api import *\nfrom ollm.api import Specs, hookimpl, Tool\n"


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Make the record of a plugin from the text of its module."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(text, name="odd"):
        module = f"ollm_odd_{len(made)}_{tmp_path.name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(HEAD + text)
        made.append(module)
        return PluginRecord(importlib.metadata.EntryPoint(name, f"{module}:Plugin", "ollm"), first_party=False)

    yield make
    for module in made:
        sys.modules.pop(module, None)


GOOD = """
class Plugin(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        return [1]
"""


def loaded(*records, **options):
    host = Host(list(records), **options)
    host.load()
    return host


def test_the_life_of_a_good_plugin(record):
    one = record(GOOD)
    assert one.state == "discovered"
    host = loaded(one)
    assert (one.state, list(one.hooks), host.failures) == ("enabled", ["ollm_tools"], [])
    assert [(r.name, answer) for r, answer in host.call("ollm_tools", ctx=None)] == [("odd", [1])]
    assert one.seconds > 0


def test_a_blocked_plugin_is_never_imported(record, tmp_path):
    one = record(f"open({str(tmp_path / 'touched')!r}, 'w')\n{GOOD}")
    loaded(one, blocked=("odd",))
    assert one.state == "blocked"
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("raise RuntimeError('boom at import')", "import", "RuntimeError: boom at import"),
        ("import sys; sys.exit(3)", "import", "SystemExit: 3"),
        ("class Panic(BaseException): pass\nraise Panic('from Rust')", "import", "Panic: from Rust"),
        ("class Plugin(", "import", "SyntaxError"),
        ("x = 1", "import", "AttributeError"),
        ("import nosuchmodule", "import", "No module named 'nosuchmodule'"),
        ("from ollm.api import FutureThing", "import", "FutureThing"),
        ("class Plugin(Specs):\n    def __init__(self): raise KeyError('no')", "register", "KeyError"),
        ("class Plugin(Specs):\n    requires_api = 99", "register", "version 99 of the plugin API"),
        ("class Plugin(Specs):\n    requires_api = 'x'", "register", "version 'x' of the plugin API"),
        ("class Plugin(Specs):\n    @hookimpl\n    def ollm_tools(self, wrong): ...", "register", "wrong"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_failed_and_the_others_go_on(record, text, where, said):
    bad, good = record(text, "bad"), record(GOOD, "good")
    told = []
    host = loaded(bad, good, on_failure=told.append)
    assert (bad.state, good.state) == ("failed", "enabled")
    (failure,) = host.failures
    assert told == [failure]
    assert failure.where == where
    assert said in failure.cause
    assert failure.remedy
    assert failure.line.startswith(f"Plugin 'bad' failed in {where}: ")
    assert "\n" not in failure.line


def test_a_misspelled_hook_is_named_with_the_nearest_and_the_others_are_asked(record):
    one = record(GOOD.replace("ollm_tools", "ollm_toolz") + GOOD.split("\n", 2)[2])
    host = loaded(one)
    assert list(one.hooks) == ["ollm_tools"]
    (failure,) = host.failures
    assert (failure.where, failure.remedy) == ("ollm_toolz", "Did its author mean 'ollm_tools'?")
    assert one.state == "enabled"


def test_a_hook_that_raises_is_noted_once_with_its_trace(record):
    one = record(GOOD.replace("return [1]", "raise ValueError('boom\\nin hook')"))
    host = loaded(one)
    assert list(host.call("ollm_tools", ctx=None)) == []
    assert list(host.call("ollm_tools", ctx=None)) == []
    (failure,) = host.failures
    assert failure.cause == "ValueError: boom in hook"
    assert "Traceback" in failure.trace


def test_a_hook_wrapper_is_refused_in_words(record):
    one = record(GOOD.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("return [1]", "return (yield)"))
    host = loaded(one)
    assert list(host.call("ollm_tools", ctx=None)) == []
    assert "hook wrappers are not supported" in host.failures[0].cause


def test_what_a_plugin_prints_never_reaches_stdout(record, capsys):
    one = record("print('noise at import')\n" + GOOD.replace("return [1]", "print('noise in hook'); return [1]"))
    host = loaded(one)
    assert len(list(host.call("ollm_tools", ctx=None))) == 1
    assert capsys.readouterr().out == ""
    assert [failure.where for failure in host.failures] == ["import", "ollm_tools"]
    assert "it printed 16 characters to stdout" in host.failures[0].cause


def test_a_second_plugin_of_the_same_name_is_refused(record):
    host = loaded(record(GOOD), record(GOOD))
    assert [each.state for each in host.records] == ["enabled", "failed"]
    assert "is taken by distribution" in host.failures[0].cause


def test_strict_mode_raises_what_the_plugin_raised(record):
    with pytest.raises(PluginError, match="Plugin '.*' failed in import: RuntimeError: boom") as raised:
        loaded(record("raise RuntimeError('boom')"), strict=True)
    assert isinstance(raised.value.__cause__, RuntimeError)
    with pytest.raises(PluginError, match="ollm_toolz"):
        loaded(record(GOOD.replace("ollm_tools", "ollm_toolz")), strict=True)


def test_an_interrupt_is_not_a_plugins_failure(record):
    one = record("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        loaded(one)


def test_a_hook_may_take_no_context(record):
    one = record(GOOD.replace("(self, ctx)", "(self)"))
    host = loaded(one)
    assert [answer for _, answer in host.call("ollm_tools", ctx=None)] == [[1]]


def test_an_object_that_is_no_specs_may_be_a_plugin(record):
    one = record("class P:\n    @hookimpl\n    def ollm_tools(self, ctx): return [1]\nPlugin = P()")
    assert loaded(one).failures == []
    assert one.state == "enabled"


def test_the_api_version_is_a_number():
    assert isinstance(API_VERSION, int)


def test_what_child_processes_print_never_reaches_stdout(record, capfd):
    one = record("import os, subprocess\nos.write(1, b'raw')\nsubprocess.run(['echo', 'child'])\n" + GOOD)
    loaded(one)
    out, err = capfd.readouterr()
    assert out == ""
    assert "raw" in err and "child" in err
