"""Do the commands do what they say, in the shell, in the REPL and on every page?"""

import io
import json
import os
import re
import shlex
import threading
from pathlib import Path

import pytest
from ollm_plugins.memory.plugin import _COMMANDS, Plugin

from ollm.api import CommandContext, dispatch, root_group, tree
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.plugins.test_memory import V1, CountsWords, home, start  # noqa: F401  (fixtures)

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "rooms" / "memory.md").read_text()
LINES = re.findall(
    r"^ollm (.+)$", "".join(re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)), re.MULTILINE
)


@pytest.fixture
def run(start):
    """Run commands in one program, and return what each did."""
    started, _ = start(CountsWords)
    return started.run_command


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_add_list_recall_edit_forget(run):
    made = run("memory add editor uses vim -c preference --json").json
    assert (made["value"], made["category"], made["scope"], made["source"]) == (
        "uses vim",
        "preference",
        "global",
        "user",
    )
    assert run("memory list --json").json == [made]
    assert run("memory recall editor").stdout == "uses vim\n"
    assert run("memory recall EDITOR --json").json["accessCount"] == 2
    assert run("memory edit editor uses emacs").stdout == "editor is changed (preference, global): uses emacs\n"
    changed = run("memory edit editor -c fact --json").json
    assert (changed["value"], changed["category"], changed["createdAt"]) == ("uses emacs", "fact", made["createdAt"])
    assert run("memory forget editor").stdout == "editor is forgotten (fact, global): uses emacs\n"
    assert run("memory list").stdout == "Nothing is remembered here that fits\n"
    assert run("memory list --json").json == []


def test_list_filters(run, tmp_path):
    run("memory add a 1")
    run("memory add b 2 -s project -c context")
    assert [each["key"] for each in run("memory list --json -s project").json] == ["b"]
    assert [each["key"] for each in run("memory list --json -c fact").json] == ["a"]
    row = f"b\t2\tcontext\tproject {tmp_path / 'repository'}\tuser\t\t"
    assert row in run("memory list").stdout


def test_other_projects_are_listed_only_when_asked_for(start, tmp_path):
    started, _ = start()
    started.run_command("memory add a 1 -s project")
    started.app.enter(tmp_path / "other")
    assert started.run_command("memory list --json").json == []
    assert [each["key"] for each in started.run_command("memory list --everywhere --json").json] == ["a"]
    assert started.run_command("memory clear --yes --json").json["removed"] == 0
    assert started.run_command("memory export").json["memories"] == []
    assert started.run_command("memory clear --everywhere --yes --json").json["removed"] == 1


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("memory recall editr", 1, "Nothing is remembered here under 'editr'; did you mean editor? `ollm memory list`"),
        ("memory forget nosuch", 1, "Nothing is remembered here under 'nosuch'."),
        ("memory forget editor -s project", 1, "Nothing is remembered here under 'editor'"),
        ("memory edit nosuch x", 1, "Nothing is remembered here under 'nosuch'"),
        ("memory edit editor", 2, "Give a new value or a new --category"),
        ("memory add k v -c fcat", 2, "There is no category 'fcat'; did you mean fact? Take one of fact, preference"),
        ("memory add k v -s world", 2, "There is no scope 'world'. Take one of global, project, session."),
        ("memory add k v -s session", 2, "A session ends with its program"),
        ("memory add k sk-proj-abcdefghijklmnop1234", 2, "That looks like an API key"),
        ("memory edit editor 'my password is hunter2'", 2, "That looks like a password"),
        ("memory add '' v", 2, "A memory needs a key"),
        ("memory clear", 2, "Nobody can be asked whether to forget 1 memory. Add --yes."),
        ("memory import nosuch.json", 1, "nosuch.json could not be read: No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_said(run, line, code, said):
    run("memory add editor uses vim")
    before = run("memory list --json").json
    done = run(line)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr
    assert run("memory list --json").json == before


def test_who_insists_has_a_secret_remembered(run):
    assert run("memory add k sk-proj-abcdefghijklmnop1234 --insist").exit_code == 0
    assert run("memory edit k -c context").exit_code == 0, "a value that stays needs no insisting"


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 2), ("", 2)])
def test_clear_asks_and_undo_brings_back(start, monkeypatch, answer, left):
    started, service = start()
    for key in "ab":
        service.remember(key, "x")
    before = service.list_all()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    started.app.out.stderr = Terminal()
    done = started.run_command("memory clear")
    assert "Forget 2 memories? [y/N]" in started.app.out.stderr.getvalue()
    assert len(service.list_all()) == left
    if not left:
        assert done.stdout == "2 memories forgotten; `memory undo` brings them back\n"
        assert started.run_command("memory undo").stdout == "clear by user is taken back; restored: a, b\n"
    assert service.list_all() == before


def test_undo_says_what_it_did(run):
    assert run("memory undo").stdout == "There is no change that could be taken back\n"
    assert run("memory undo --json").json == {"change": None}
    run("memory add a 1")
    change = run("memory undo --json").json["change"]
    assert (change["kind"], change["source"], change["removed"], change["restored"]) == ("add", "user", ["a"], [])


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
def test_what_has_no_end_is_not_taken_in(run):
    done = run("memory import /dev/zero")
    assert (done.exit_code, "/dev/zero has more than 50 MB" in done.stderr) == (1, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_memories_may_come_through_a_pipe(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writing = threading.Thread(target=(tmp_path / "pipe").write_text, args=('[{"key": "tea", "value": "green"}]',))
    writing.start()
    assert run(f"memory import {tmp_path / 'pipe'} --json").json["taken"] == 1
    writing.join()


def test_export_and_import_are_each_others_way_back(run, tmp_path):
    run("memory add a 1")
    run("memory add b 'two\nlines' -s project -c context")
    before = run("memory list --json").json
    file = tmp_path / "out.json"
    assert run(f"memory export {file} --json").json == {"file": str(file), "memories": 2}
    assert run("memory export").json == json.loads(file.read_text())
    assert "is there already" in run(f"memory export {file}").stderr
    assert run(f"memory export {file} --force").exit_code == 0
    run("memory clear --yes --for-good")
    assert run(f"memory import {file} --json").json == {"file": str(file), "taken": 2, "stayed": 0}
    assert run("memory list --json").json == before
    run("memory add a changed")
    assert run(f"memory import {file}").stdout == "0 of 2 memories are taken in; 2 are remembered already\n"
    assert run("memory recall a").stdout == "changed\n"
    assert run(f"memory import {file} --replace").exit_code == 0
    assert run("memory recall a").stdout == "1\n"
    run("memory undo")
    assert run("memory recall a").stdout == "changed\n"


def test_the_original_programs_file_can_be_taken_in(run, tmp_path):
    file = tmp_path / "memory.json"
    file.write_text(json.dumps({"version": 1, "memories": [V1]}))
    assert run(f"memory import {file} --scope project").exit_code == 0
    (found,) = run("memory list --json").json
    assert (found["key"], found["accessCount"], found["project"]) == ("editor", 7, str(tmp_path / "repository"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("3", "holds no memories: it is neither a list nor an object"),
        ('[{"value": 1}]', "one of its entries has no key"),
        ('{"version": 2, "memories": [{"key": "a"}]}', "holds no memories: Object missing required field"),
        ('{"version": 2}', "holds no memories"),
        ('{"a": ""}', "a value that is not empty"),
        (b"\xff", "is no JSON"),
        (json.dumps({"version": 2, "memories": [{**V1, "scope": "session"}]}), "are not taken in from files"),
        (json.dumps({"version": 2, "memories": [{**V1, "scope": "world"}]}), "There is no scope 'world'"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(run, tmp_path, text, said):
    file = tmp_path / "some.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    done = run(f"memory import {file}")
    assert done.exit_code in (1, 2) and said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert run("memory list --json").json == []


def test_why_tells_of_the_last_prompt_and_before_one_of_a_possible_one(start):
    started, service = start(CountsWords, settings="memory: {tokenBudget: 30}")
    service.remember("tea", "green")
    service.remember("long", "word " * 100)
    said = started.run_command("memory why").stdout
    assert re.match(r"1 memory would go into the prompt: \d+ of 30 tokens\n", said)
    assert "tea\tglobal\t5\t" in said
    assert "long\tglobal\t\ttoo long for what is left of the budget" in said
    assert started.run_command("memory why --json").json["real"] is False
    started.ask("hi")
    found = started.run_command("memory why --json").json
    system = started.provider.requests[-1].messages[0].content
    assert (found["real"], found["text"], found["budget"]) == (True, system, 30)
    assert found["tokens"] == len(system.split()) + system.count("\n")
    assert [each["entry"]["key"] for each in found["included"]] == ["tea"]
    assert [each["entry"]["key"] for each in found["leftOut"]] == ["long"]
    assert started.run_command("memory why 'another prompt' --json").json["real"] is False


def test_control_characters_never_reach_the_terminal(run):
    run("memory add k 'a\x1b]52;c;x\x07b\x9b2J\u202e'")
    for line in ("memory list", "memory recall k", "memory list --json", "memory why --json", "memory forget k"):
        done = run(line)
        assert not set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr), line


def test_in_the_repl_a_session_remembers(start):
    started, service = start()
    context = CommandContext(started.app, "repl")
    group = root_group(tree(started.app.hub, "repl"), started.app.hub, context, None)
    assert dispatch(group, ["memory", "add", "now", "testing", "--scope", "session"], "") == 0
    assert started.stdout.getvalue() == "now is remembered (fact, session): testing\n"
    started.ask("hi")
    assert "- now (fact): testing" in started.provider.requests[-1].messages[0].content
    assert start()[1].list_all() == []


@pytest.mark.parametrize("name", [each[0] for each in _COMMANDS])
def test_help_shows_examples_and_every_command_has_json(ollm, name):
    done = ollm("memory", name, "--help")
    assert done.code == 0
    assert f"  ollm memory {name}" in done.out
    assert "--json" in done.out


def test_each_command_of_the_page_works(ollm):
    assert len(LINES) >= 16
    for line in LINES:
        done = ollm(*shlex.split(line))
        assert done.code == 0, (line, done.err)
    assert ollm("memory", "list", "--json").json == []
    assert ollm("config", "get", "memory.tools").out == "false\n"


def test_the_file_of_the_page_is_one(ollm):
    (text,) = re.findall(r"```json\n(.*?)```", (DOCS / "simple_memory.md").read_text(), re.DOTALL)
    ollm.home.mkdir()
    (ollm.home / "memory.json").write_text(text)
    assert [each["key"] for each in ollm("memory", "list", "--json").json] == ["editor"]
    assert ollm("memory", "undo").out == "add by user is taken back; removed: editor\n"


def test_a_light_command_loads_nothing_heavy(ollm):
    import subprocess
    import sys

    code = "import sys; from ollm.cli import main; main(sys.argv[1:]); print('', *sys.modules, file=sys.stderr)"
    words = [sys.executable, "-c", code, "memory", "add", "a", "b"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    loaded = {module.partition(".")[0] for module in done.stderr.split()}
    assert loaded.isdisjoint({"httpx", "pydantic", "ruamel", "prompt_toolkit", "rich", "xllamacpp"})
