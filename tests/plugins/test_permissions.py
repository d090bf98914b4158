"""Which tool calls run, which are refused, and what is the user asked?"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ollm.api import Reply, Specs, Tool, ToolCall, ToolDecided, ToolPreview, ToolReturned, UsageError, hookimpl
from ollm_plugins.permissions.plugin import Plugin
from ollm_plugins.permissions.session import session_of
from ollm_plugins.permissions.settings import Rule

ANY = {"type": "object"}
RAN: list[dict[str, object]] = []


async def run(ctx, arguments):
    RAN.append(dict(arguments))
    return "it ran"


async def preview_path(ctx, arguments):
    path = str(ctx.turn.host.workspace / str(arguments["path"]))
    careful = str(arguments.get("careful", ""))
    return ToolPreview(f"--- {path}\n+new", "diff", path, str(Path(path).parent), careful, edits="text")


async def preview_command(ctx, arguments):
    command = str(arguments["command"])
    return ToolPreview(command, "command", command, " ".join(command.split()[:2]), edits="command")


async def preview_program(ctx, arguments):
    careful = str(arguments.get("careful", ""))
    return ToolPreview(str(arguments["command"]), "command", str(arguments["command"]), careful=careful)


async def preview_url(ctx, arguments):
    return ToolPreview(str(arguments["url"]), "url", str(arguments["url"]), "docs.python.org")


async def refusing(ctx, arguments):
    raise UsageError("There is no such file")


class Tools(Specs):
    """One tool of each kind."""

    @hookimpl
    def ollm_tools(self, ctx):
        return [
            Tool("read_it", "Read.", ANY, run, "read", preview_path),
            Tool("write_it", "Write.", ANY, run, "write", preview_path),
            Tool("shell", "Run.", ANY, run, "execute", preview_command),
            Tool("program", "Run a program that does what it is told to.", ANY, run, "execute", preview_program),
            Tool("fetch", "Fetch.", ANY, run, "network", preview_url),
            Tool("bare", "Says nothing of itself.", ANY, run, "read"),
            Tool("refuses", "Refuses.", ANY, run, "write", refusing),
            Tool("safe", "Carries no risk.", ANY, run, "none"),
        ]


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    RAN.clear()
    return folder


class Asked:
    """Answers questions from a list, and keeps them; nobody is there when it is empty."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.questions = []

    async def __call__(self, question):
        self.questions.append(question)
        answer = self.answers.pop(0) if self.answers else None
        return Reply(*answer) if isinstance(answer, tuple) else answer


def call(name, number="1", **arguments):
    return ToolCall(number, name, arguments)


@pytest.fixture
def start(ollm_app, workspace):
    def make(*calls, answers=(), **options):
        harness = ollm_app(Plugin, Tools, replies=[*calls, "Done."], **options)
        harness.asked = harness.app.out.on_question = Asked(*answers)
        return harness

    return make


def results(turn):
    return [event.content for event in turn.events if isinstance(event, ToolReturned)]


def decided(turn):
    return [(event.allowed, event.by) for event in turn.events if isinstance(event, ToolDecided)]


SHELL = call("shell", command="git status")


def test_yes_runs_what_was_shown(start):
    ollm = start(SHELL, answers=[("y",)])
    turn = ollm.ask("go")
    (question,) = ollm.asked.questions
    assert question.title == "The model wants to use shell (execute)"
    assert (question.body, question.form) == ("git status", "command")
    assert [each.key for each in question.choices] == ["y", "a", "e", "n"], "whatever is no answer means no"
    assert results(turn) == ["it ran"]
    assert decided(turn) == [(True, "user")]


def test_a_reason_is_told_to_the_model(start):
    ollm = start(SHELL, answers=[("n", "not\nnow")])
    turn = ollm.ask("go")
    assert results(turn) == ["The user said no: not now"]
    assert RAN == []
    assert ollm.provider.requests[1].messages[-1].content == "The user said no: not now"


def test_no_without_a_reason(start):
    assert results(start(SHELL, answers=[("n",)]).ask("go"))[0].startswith("The user said no, without a reason.")


def test_nobody_to_ask_is_no_and_said_once(start):
    ollm = start([*calls(SHELL, call("write_it", "2", path="x"))])
    turn = ollm.ask("go")
    assert RAN == []
    assert all(text.startswith("Nobody could be asked, so the tool was not run.") for text in results(turn))
    said = ollm.stderr.getvalue()
    assert said.count("nobody could be asked") == 1
    assert "`ollm permissions allow --help`" in said


def calls(*wanted):
    from ollm.api import Finished, ToolCalled

    return (*(ToolCalled(each) for each in wanted), Finished("stop"))


def test_always_covers_what_it_says_and_nothing_else(start):
    more = [call("shell", "2", command="git status -s"), call("shell", "3", command="git push")]
    ollm = start(SHELL, *more, answers=[("a",), ("n",)])
    turn = ollm.ask("go")
    assert ollm.asked.questions[0].choices[1].label == (
        "always in this session: shell with commands that begin with `git status`"
    )
    assert [question.body for question in ollm.asked.questions] == ["git status", "git push"]
    assert decided(turn) == [(True, "user"), (True, "rule"), (False, "user")]
    assert ollm.run_command("permissions --json").json["rules"] == [
        {
            "number": 1,
            "action": "allow",
            "tools": "shell",
            "command": "git status",
            "origin": "this session",
            "saved": False,
        }
    ]


def test_always_for_a_folder(start, workspace):
    wanted = [call("write_it", str(number), path=path) for number, path in enumerate(("a/x", "a/b/y", "z"))]
    ollm = start(*wanted, answers=[("a",), ("n",)])
    turn = ollm.ask("go")
    assert ollm.asked.questions[0].choices[1].label == f"always in this session: write_it in {workspace / 'a'}"
    assert [allowed for allowed, _ in decided(turn)] == [True, True, False]


@pytest.mark.parametrize("command", ["git status; rm -rf ~", "git status && x", "git status | sh", "git status > x"])
def test_always_is_not_offered_where_it_would_not_cover_the_call(start, command):
    ollm = start(call("shell", command=command), answers=[("a",)])
    turn = ollm.ask("go")
    assert "a" not in [each.key for each in ollm.asked.questions[0].choices]
    assert decided(turn) == [(False, "user")], "an answer that was not offered is no"


@pytest.mark.parametrize("command", ["env", "find .", "sed -n 1p x", "ssh host", "cd web && npm test", "a | b"])
def test_always_covers_no_other_command_where_none_is_said_to_be_like_it(start, command):
    others = (f"{command} sh", f"{command}; rm x", f"{command} -delete", command.split()[0] + " rm")
    wanted = [call("program", str(at), command=each) for at, each in enumerate((command, *others, f" {command}\n"))]
    ollm = start(*wanted, answers=[("a",), *[("n",)] * 4])
    turn = ollm.ask("go")
    assert ollm.asked.questions[0].choices[1].label == "always in this session: program with this very command"
    assert decided(turn) == [(True, "user"), *[(False, "user")] * 4, (True, "rule")]
    assert ollm.run_command("permissions --json").json["rules"][0]["exactly"] == command


def test_always_is_not_offered_where_somebody_should_look(start):
    wanted = [
        call("program", command="x", careful="it is odd"),
        call("write_it", "2", path="x", text="t", careful="it is odd"),
    ]
    ollm = start(*wanted, answers=[("n",), ("n",)])
    ollm.ask("go")
    assert [[each.key for each in question.choices] for question in ollm.asked.questions] == [
        ["y", "n"],
        ["y", "e", "n"],
    ]


def test_always_is_not_offered_for_a_command_whose_end_is_not_in_its_line(start):
    ollm = start(call("program", command="a\nb"), answers=[("n",)])
    ollm.ask("go")
    assert [each.key for each in ollm.asked.questions[0].choices] == ["y", "n"]


def test_a_folder_named_like_a_wildcard_stands_for_itself(start):
    wanted = [call("write_it", str(number), path=path) for number, path in enumerate(("*/a/x", "*/a/y", "other/a/x"))]
    ollm = start(*wanted, answers=[("a",), ("n",)])
    assert decided(ollm.ask("go")) == [(True, "user"), (True, "rule"), (False, "user")]


@pytest.mark.parametrize("folder", ["a\n  n no", "a\x1b[2K", "a\u202eb"])
def test_a_folders_name_cannot_write_answers(start, folder):
    ollm = start(call("write_it", path=f"{folder}/x"), answers=[("n",)])
    ollm.ask("go")
    assert [each.key for each in ollm.asked.questions[0].choices] == ["y", "n"]


def test_an_edit_is_looked_at_anew(start):
    ollm = start(SHELL, answers=[("e", "git log"), ("y",)])
    turn = ollm.ask("go")
    assert [question.body for question in ollm.asked.questions] == ["git status", "git log"]
    assert next(each.edits for each in ollm.asked.questions[0].choices if each.key == "e") == "git status"
    assert RAN == [{"command": "git log"}]
    assert results(turn)[0].startswith('The user changed the arguments to {"command": "git log"}')


def test_an_edit_cannot_get_around_a_deny(start):
    ollm = start(SHELL, answers=[("e", "git push")], settings="tools: {rules: [{deny: shell, command: git push}]}")
    assert "A rule of the user forbids this" in results(ollm.ask("go"))[0]
    assert RAN == []


def test_arguments_are_shown_whole_where_a_tool_says_nothing(start):
    ollm = start(call("bare", x="\x1b[2J" + "long " * 500), answers=[("a",)])
    ollm.ask("go")
    (question,) = ollm.asked.questions
    assert json.loads(question.body) == {"x": "\x1b[2J" + "long " * 500}
    assert question.choices[1].label == "always in this session: whatever bare does"


def test_a_tool_that_refuses_is_not_asked_about(start):
    ollm = start(call("refuses"), answers=[("y",)])
    assert results(ollm.ask("go")) == ["There is no such file"]
    assert ollm.asked.questions == []


def test_what_carries_no_risk_is_not_asked_about(start):
    ollm = start(call("safe"))
    assert results(ollm.ask("go")) == ["it ran"]


@pytest.mark.parametrize("rule", ["deny: safe", "deny: 's*'", "deny: '*'"])
def test_what_is_denied_altogether_is_not_offered_and_does_not_run_even_without_a_risk(start, rule):
    ollm = start(call("safe"), settings=f"tools: {{rules: [{{{rule}}}, {{allow: '*'}}]}}")
    (said,) = results(ollm.ask("go"))
    assert said.startswith("There is no tool 'safe'")
    assert RAN == []
    offered = {tool.name for tool in ollm.provider.requests[0].tools}
    assert "safe" not in offered
    assert ("read_it" in offered) is (rule != "deny: '*'")


@pytest.mark.parametrize("rule", ["deny: shell, command: git", "ask: shell", "allow: shell"])
def test_what_only_some_rule_speaks_of_is_offered(start, rule):
    ollm = start(settings=f"tools: {{rules: [{{{rule}}}]}}")
    ollm.ask("go")
    assert len(ollm.provider.requests[0].tools) == 8


def test_a_denial_of_this_session_holds_from_the_next_request_on(start):
    ollm = start("one", call("safe"))
    ollm.ask("go")
    assert "safe" in {tool.name for tool in ollm.provider.requests[-1].tools}
    session_of(ollm.app.context).add(Rule(deny="safe"))
    ollm.ask("go")
    assert RAN == []


def test_interrupting_a_question_approves_of_nothing(start):
    ollm = start(SHELL)

    async def waits(question):
        asyncio.get_running_loop().call_soon(tasks[0].cancel)
        await asyncio.sleep(60)

    tasks = []
    ollm.app.out.on_question = waits
    conversation = ollm.app.conversation()

    async def hold():
        async def turn():
            return [event async for event in conversation.ask("go")]

        tasks.append(asyncio.ensure_future(turn()))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]

    ollm.app.run(hold())
    assert RAN == []
    assert [message.role for message in conversation.messages] == ["user", "assistant", "tool"]
    assert conversation.messages[-1].content == "Interrupted by the user."
