"""Do the commands, the settings and the page say what is so?"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from ollm.api import (
    CompletionContext,
    FrontendContext,
    Notice,
    SettingsError,
    SettingsLayer,
    Specs,
    StatusContext,
    Tool,
    UsageError,
    hookimpl,
)
from ollm_plugins.permissions.completing import modes, numbers
from ollm_plugins.permissions.plugin import Plugin
from ollm_plugins.permissions.session import begin_yolo, session_of, status, warning
from ollm_plugins.tools.plugin import Plugin as Offering
from tests.helpers.program import ollm  # noqa: F401  (a fixture)

PAGE = (Path(__file__).parents[2] / "docs" / "rooms" / "permissions.md").read_text(encoding="utf-8")
CONSOLE = "\n".join(re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


class Shell(Specs):
    """A tool to make rules for."""

    @hookimpl
    def ollm_tools(self, ctx):
        return [Tool("shell", "Run.", {"type": "object"}, "json:dumps", "execute")]


def in_repl(harness, line):
    """Run a command as the REPL does."""
    from ollm.command_tree import tree
    from ollm.commands import dispatch, root_group
    from ollm.contexts import CommandContext

    hub = harness.app.hub
    before = len(harness.stdout.getvalue())
    group = root_group(tree(hub, "repl"), hub, CommandContext(harness.app, "repl"), None)
    assert dispatch(group, shlex.split(line), "/") == 0
    return harness.stdout.getvalue()[before:]


def test_nothing_is_set_at_first(ollm_app):
    harness = ollm_app(Plugin, Shell)
    assert harness.run_command("permissions").stdout.startswith("Mode ask (default): nothing runs without a question")
    assert harness.run_command("permissions --json").json == {"mode": "ask", "origin": "default", "rules": []}


@pytest.mark.parametrize("where", ["a file", "a variable", "set", "session"])
def test_yolo_never_comes_from_a_setting(ollm_app, where):
    told = "yolo is never taken from a file or a variable"
    if where == "a file":
        result = ollm_app(Plugin, settings="tools: {mode: yolo}").run_command("permissions")
    elif where == "a variable":
        result = ollm_app(Plugin, environ={"OLLM_TOOLS_MODE": "yolo"}).run_command("permissions")
    else:
        harness = ollm_app(Plugin)
        with pytest.raises(SettingsError, match=told):
            harness.app.settings.set_session("tools.mode", "yolo")
        result = harness.run_command("permissions mode nonsense")
    assert result.exit_code == 2
    assert told in result.stderr


def test_a_projects_file_sets_nothing(ollm_app, tmp_path):
    class Project(Specs):
        @hookimpl
        def ollm_settings_layers(self, ctx):
            values = {"tools": {"mode": "auto", "rules": [{"allow": "*"}]}}
            return [SettingsLayer("project", tmp_path / "ollm.yaml", values)]

    harness = ollm_app(Plugin, Project)
    assert harness.run_command("permissions --json").json == {"mode": "ask", "origin": "default", "rules": []}
    harness.app.check_settings()
    assert harness.stderr.getvalue().count("is ignored: only your own settings may set it") == 2


@pytest.mark.parametrize("save", ["", " --save"])
def test_yolo_is_neither_saved_nor_begun_in_the_shell(ollm_app, save):
    harness = ollm_app(Plugin)
    result = harness.run_command(f"permissions mode yolo{save}")
    assert result.exit_code == 2
    assert "yolo holds for one run only and is never saved" in result.stderr
    assert not session_of(harness.app.context).is_yolo


def test_yolo_in_a_conversation_is_said_and_ends(ollm_app):
    harness = ollm_app(Plugin)
    assert in_repl(harness, "permissions mode yolo") == "The mode is yolo (this session)\n"
    assert "yolo: every tool runs without a question" in harness.stderr.getvalue()
    assert warning(StatusContext(harness.app.context)) == "⚠ YOLO: tools run unasked"
    assert status(StatusContext(harness.app.context)) is None
    assert "everything runs" in in_repl(harness, "permissions")
    in_repl(harness, "permissions mode auto")
    assert warning(StatusContext(harness.app.context)) is None
    assert status(StatusContext(harness.app.context)) == "tools auto"
    in_repl(harness, "permissions mode ask")
    assert status(StatusContext(harness.app.context)) is None


def test_the_flag_begins_yolo(ollm_app):
    harness = ollm_app(Plugin)
    context = FrontendContext(harness.app, "x")
    notices: list[Notice] = []
    harness.app.out.on_notice = notices.append
    assert begin_yolo(context, {"yolo": True}) is context
    assert session_of(harness.app.context).is_yolo
    assert [notice.code for notice in notices] == ["tools-yolo"]


@pytest.mark.parametrize(
    ("settings", "prompt", "why"),
    [
        ("", "x", "a script gets what carries a risk only with --tools all"),
        ("tools: {calls: {offer: none}}", "x", "tools.calls.offer is none"),
        ("tools: {calls: {disabled: [shell], offer: all}}", "x", "tools.calls.disabled names it"),
        ("tools: {calls: {offer: all}}", "x", ""),
        ("", "", ""),
        ("tools: {calls: {offer: 7}}", "x", ""),
    ],
)
def test_where_yolo_lets_nothing_run_it_is_said_why(ollm_app, settings, prompt, why):
    harness = ollm_app(Plugin, Shell, Offering, settings=settings)
    begin_yolo(FrontendContext(harness.app, prompt), {"yolo": True})
    said = harness.stderr.getvalue()
    assert said.count("yolo lets none run") == bool(why)
    assert why in said


@pytest.mark.parametrize("line", ["mode auto", "allow shell", "deny shell", "ask shell"])
def test_the_shell_has_no_session(ollm_app, line):
    result = ollm_app(Plugin, Shell).run_command(f"permissions {line}")
    assert result.exit_code == 2
    assert "Add --save" in result.stderr


def test_rules_are_saved_with_their_lines_and_nothing_else_is_touched(ollm_app, ollm_home):
    harness = ollm_app(
        Plugin, Shell, settings="# mine\ntools:\n  mode: auto  # why\n  rules:\n  - {deny: shell, command: rm}\n"
    )
    harness.run_command('permissions allow shell --command "git status" --save')
    harness.run_command('permissions allow shell --command "git status" --save')
    rules = harness.run_command("permissions --json").json["rules"]
    file = ollm_home / "config.yaml"
    assert [(each["number"], each["action"], each["command"], each["origin"]) for each in rules] == [
        (1, "deny", "rm", f"{file}:5"),
        (2, "allow", "git status", f"{file}:6"),
    ]
    assert "# mine" in file.read_text()
    assert "# why" in file.read_text()
    refused = harness.run_command("permissions forget 1")
    assert refused.exit_code == 2
    assert "Add --save" in refused.stderr
    assert harness.run_command("permissions forget 1 --save").stdout.startswith("No longer: deny shell (command rm)")
    assert harness.run_command("permissions forget 1 --save --json").json["removed"][0]["command"] == "git status"
    assert "rules" not in file.read_text()
    assert "# why" in file.read_text()


def test_a_command_may_be_allowed_as_it_stands(ollm_app):
    harness = ollm_app(Plugin, Shell)
    told = in_repl(harness, 'permissions allow shell --exactly "cd web && npm test"')
    assert told == "Rule 1: allow shell (exactly cd web && npm test) (this session)\n"
    harness.run_command('permissions allow shell --exactly "a | b" --save')
    (saved, _) = harness.run_command("permissions --json").json["rules"]
    assert (saved["exactly"], saved["saved"]) == ("a | b", True)


def test_rules_of_a_session_come_after_those_of_the_file(ollm_app):
    harness = ollm_app(Plugin, Shell, settings="tools: {rules: [{allow: shell}]}")
    assert in_repl(harness, "permissions deny shell --command rm") == "Rule 2: deny shell (command rm) (this session)\n"
    assert in_repl(harness, "permissions forget --all") == "No longer: deny shell (command rm) (this session)\n"
    assert in_repl(harness, "permissions forget --all") == "Nothing holds for this session only\n"
    assert len(harness.run_command("permissions --json").json["rules"]) == 1


def test_the_same_rule_in_file_and_session_is_forgotten_once(ollm_app):
    harness = ollm_app(Plugin, Shell, settings="tools: {rules: [{allow: shell}]}")
    in_repl(harness, "permissions allow shell")
    in_repl(harness, "permissions forget 1 --save")
    rules = harness.run_command("permissions --json").json["rules"]
    assert [each["origin"] for each in rules] == ["this session"]


def listed_in(harness):
    return [
        (each["action"], each["tools"], each["saved"])
        for each in harness.run_command("permissions --json").json["rules"]
    ]


def test_rules_that_were_set_for_the_session_can_be_forgotten(ollm_app):
    harness = ollm_app(Plugin, Shell, settings="tools: {rules: [{deny: shell}]}")
    harness.app.settings.set_session("tools.rules", [{"allow": "a"}, {"ask": "b"}])
    in_repl(harness, "permissions allow c")
    assert listed_in(harness) == [("allow", "a", False), ("ask", "b", False), ("allow", "c", False)]
    assert in_repl(harness, "permissions forget 1") == "No longer: allow a (this session)\n"
    assert listed_in(harness) == [("ask", "b", False), ("allow", "c", False)]
    assert in_repl(harness, "permissions forget 1") == (
        "No longer: ask b (this session)\nThe rules of your settings hold again: 1; `permissions` lists them\n"
    )
    assert listed_in(harness) == [("deny", "shell", True), ("allow", "c", False)]


def test_all_that_was_set_or_answered_is_forgotten_at_once(ollm_app):
    harness = ollm_app(Plugin, Shell, settings="tools: {rules: [{deny: shell}]}")
    harness.app.settings.set_session("tools.rules", [{"allow": "a"}])
    in_repl(harness, "permissions allow a")
    removed = json.loads(in_repl(harness, "permissions forget --all --json"))["removed"]
    assert [(each["tools"], each["saved"]) for each in removed] == [("a", False), ("a", False)]
    assert listed_in(harness) == [("deny", "shell", True)]


def test_what_was_set_for_the_session_is_never_lost_by_saving(ollm_app, ollm_home):
    harness = ollm_app(Plugin, Shell)
    harness.app.settings.set_session("tools.rules", [{"deny": "shell"}])
    with pytest.raises(UsageError, match="hide those of your settings"):
        in_repl(harness, "permissions allow shell --save")
    assert listed_in(harness) == [("deny", "shell", False)]
    assert not (ollm_home / "config.yaml").exists()


def test_a_name_that_no_tool_has_is_said(ollm_app):
    result = ollm_app(Plugin, Shell).run_command("permissions allow shel --save")
    assert result.exit_code == 0
    assert "There is no tool 'shel' at present: shell." in result.stderr


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("permissions allow shell --command 'git status; rm' --save", "a command is given by its first words"),
        ("permissions allow shell --path a --host b --save", "give only one of path and host"),
        ("permissions allow '' --save", "give one of allow, ask and deny"),
        ("permissions forget", "Give either the number of a rule or --all"),
        ("permissions forget 1 --all", "Give either the number of a rule or --all"),
        ("permissions forget 7", "There is no rule 7"),
    ],
)
def test_wrong_usage(ollm_app, line, told):
    result = ollm_app(Plugin, Shell).run_command(line)
    assert result.exit_code == 2
    assert told in result.stderr


def test_mistakes_in_a_file_name_the_line(ollm_app, ollm_home):
    result = ollm_app(Plugin, settings="tools:\n  rules:\n  - {allow: x, command: 'a; b'}\n").run_command("permissions")
    assert result.exit_code == 2
    assert f"{ollm_home / 'config.yaml'}:2: tools.rules" in result.stderr
    assert "rule 1: a command is given by its first words" in result.stderr


def test_modes_and_rules_are_completed(ollm_app):
    harness = ollm_app(Plugin, Shell, settings="tools: {rules: [{allow: shell}, {deny: x}]}")
    context = CompletionContext(harness.app.context, "a")
    assert [name for name, _ in modes(context)] == ["ask", "auto"]
    assert list(numbers(CompletionContext(harness.app.context))) == [("1", "allow shell"), ("2", "deny x")]
    assert list(numbers(context)) == []


def fits(shown, real):
    """Whether output is as shown, where `…` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.rstrip("\n").split("…"))
    return re.fullmatch(pattern, real.rstrip("\n"), re.DOTALL) is not None


def test_the_page_shows_what_happens(ollm, monkeypatch):  # noqa: F811  (the fixture)
    _, *parts = re.split(r"^\$ (.*)\n", CONSOLE, flags=re.MULTILINE)
    assert len(parts) > 10
    for command, shown in zip(parts[::2], parts[1::2], strict=True):
        words = shlex.split(command)
        with monkeypatch.context() as patch:
            while "=" in words[0]:
                patch.setenv(*words.pop(0).split("=", 1))
            done = ollm(*words[1:])
        assert fits(shown, done.out + done.err), f"{command}\n{done.out}{done.err}"


def test_the_rules_of_the_page_are_rules(ollm_app):
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    harness = ollm_app(Plugin, Shell, settings=text)
    assert len(harness.run_command("permissions --json").json["rules"]) == 6
