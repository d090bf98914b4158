"""What do the commands of the room `tools` show, in a document and for people?"""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.memory.plugin import Plugin as Memory
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.tools.plugin import Plugin

from ollm.api import (
    FITTING,
    AuditedCall,
    CompletionContext,
    ConversationRecords,
    Decision,
    OllmError,
    RequestAdjuster,
    Service,
    Specs,
    ToolApprover,
    ToolCall,
    TurnObserver,
    UsageError,
    hookimpl,
    replace,
)
from tests.helpers.program import ollm as program  # noqa: F401  (a fixture)
from tests.plugins.test_tools import ALL, RISKS, UNABLE, Tools
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.terminal.screen import Terminal


def listed(ollm, line="tools list --json"):
    result = ollm.run_command(line)
    assert result.exit_code == 0, result.stderr
    return {each["name"]: each for each in result.json["tools"]}


def states(ollm):
    return {name: (each["inConversations"], each["inScripts"]) for name, each in listed(ollm).items()}


def test_each_tool_is_listed_with_what_it_can_do_and_where_it_is_offered(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits)
    document = ollm.run_command("tools list --json").json
    assert (document["provider"], document["model"]) == ("scripted", "scripted:1b")
    assert [each["name"] for each in document["tools"]] == ALL
    tools = listed(ollm)
    assert {name: each["risk"] for name, each in tools.items() if name != "say"} == {f"tool_{r}": r for r in RISKS}
    assert states(ollm) == {name: (True, name in ("say", "tool_none")) for name in ALL}
    assert tools["tool_read"]["whyNot"] == "a script gets what carries a risk only with --tools all"
    assert tools["say"]["whyNot"] == ""
    assert tools["say"]["description"] == "Say something."


def test_people_get_a_table(ollm_app):
    said = ollm_app(Plugin, Tools, Limits).run_command("tools list").stdout
    rows = [line.split("\t") for line in said.splitlines()]
    assert rows[0] == ["tool", "risk", "plugin", "offered", "why not"]
    assert rows[1][:4] == ["say", "none", "tools", "yes"]
    assert [row[3] for row in rows if row[0] == "tool_write"] == ["in conversations"]


@pytest.mark.parametrize(
    ("settings", "tool", "state", "why"),
    [
        ("tools: {calls: {offer: none}}", "say", (False, False), "tools.calls.offer is none"),
        ("tools: {calls: {offer: all}}", "tool_write", (True, True), ""),
        ("tools: {calls: {disabled: [say]}}", "say", (False, False), "tools.calls.disabled names it"),
        (UNABLE, "say", (False, False), "scripted:1b is not known to call tools"),
        (UNABLE, "tool_read", (False, False), "its risk is read, and scripted:1b is not known to call tools"),
        (f"{UNABLE}tools: {{calls: {{fallback: true}}}}", "tool_read", (True, False), "a script gets what"),
    ],
)
def test_why_a_tool_is_not_offered_is_said(ollm_app, settings, tool, state, why):
    found = listed(ollm_app(Plugin, Tools, Limits, settings=settings))[tool]
    assert (found["inConversations"], found["inScripts"]) == state
    assert found["whyNot"].startswith(why) and bool(found["whyNot"]) is bool(why)


@pytest.mark.parametrize("settings", ["", "tools: {calls: {offer: all}}", "tools: {calls: {offer: none}}", UNABLE])
def test_the_list_says_what_happens(ollm_app, settings):
    for at_terminal in (True, False):
        ollm = ollm_app(Plugin, Tools, Memory, Limits, settings=settings)
        expected = {name for name, state in states(ollm).items() if state[not at_terminal]}
        if at_terminal:
            ollm.app.begin_background()
        ollm.ask("go")
        assert {tool.name for tool in ollm.provider.requests[-1].tools} == expected


def test_what_another_plugin_leaves_out_is_said(ollm_app):
    found = listed(ollm_app(Plugin, Memory, Limits, settings="memory: {tools: false}"))["remember"]
    assert (found["inScripts"], found["whyNot"]) == (False, "the plugin 'plugin-2' leaves it out")


def test_what_makes_requests_fit_is_not_asked_for_the_list(ollm_app):
    asked = []

    class Fitting(Specs):
        @hookimpl
        def ollm_request_adjusters(self, ctx):
            return [RequestAdjuster(f"at-{order}", self.noting(order), order=order) for order in (FITTING - 1, FITTING)]

        def noting(self, order):
            return lambda request, turn: asked.append(order) or replace(request, tools=())

    found = listed(ollm_app(Plugin, Tools, Fitting, Limits))
    assert asked == [FITTING - 1]
    assert {each["whyNot"] for each in found.values()} == {"the plugin 'fitting' leaves it out"}


def test_the_list_changes_nothing_and_says_nothing(ollm_app):
    ollm = ollm_app(Plugin, Tools, Memory, Limits)
    assert ollm.run_command("tools list").stderr == ""
    assert ollm.provider.requests == []
    ollm.ask("go")
    assert [tool.name for tool in ollm.provider.requests[-1].tools] == ["tool_none", "say"]


def test_without_anybody_to_answer_tools_are_listed_all_the_same(ollm_app):
    result = ollm_app(Plugin, Tools, Limits, settings="model: {default: nosuch}").run_command("tools list --json")
    assert result.exit_code == 0
    assert result.json["tools"]


def test_without_tools_there_is_a_line(ollm_app):
    assert ollm_app(Plugin).run_command("tools list").stdout == "No plugin hands in a tool.\n"


def test_a_tool_is_shown_as_a_model_is_told_of_it(ollm_app):
    ollm = ollm_app(Plugin, Tools)
    document = ollm.run_command("tools show say --json").json
    assert document["parameters"]["properties"]["text"] == {"type": "string"}
    assert (document["risk"], document["description"]) == ("none", "Say something.")
    lines = ollm.run_command("tools show say").stdout.splitlines()
    assert lines[:4] == ["name: say", "risk: none", "plugin: tools", "description: Say something."]
    assert json.loads("\n".join(lines[4:])) == document["parameters"]


def test_a_tool_that_there_is_none_of_is_named_with_its_neighbour(ollm_app):
    result = ollm_app(Plugin, Tools).run_command("tools show sya")
    assert isinstance(result.error, UsageError)
    assert result.exit_code == 2
    assert "There is no tool 'sya'" in result.stderr and "say" in result.stderr


def test_names_of_tools_are_completed(ollm_app):
    ollm = ollm_app(Plugin, Tools)
    (owned,) = ollm.app.hub.value_completers()
    found = ollm.app.hub.use(owned, "complete", CompletionContext(ollm.app.context, "tool_n"))
    assert found == [("tool_network", "Has the risk network."), ("tool_none", "Has the risk none.")] or found == [
        ("tool_none", "Has the risk none."),
        ("tool_network", "Has the risk network."),
    ]


# The audit


class Kept(Specs):
    """Keeps the tool calls of turns while the test runs, and refuses what has the risk write."""

    def __init__(self):
        self.calls = []

    def tool_calls(self, *, conversation="", tool="", limit=100):
        found = [
            each
            for each in reversed(self.calls)
            if conversation in ("", each.conversation) and tool in ("", each.call.call.name)
        ]
        return found[:limit]

    async def decide(self, request):
        return Decision(request.tool.risk != "write", "The user said no.", by="user")

    def keep(self, turn):
        at = datetime.now(UTC).isoformat()
        model = f"{turn.provider}/{turn.model}"
        here = str(turn.context.host.workspace)
        for call in turn.tools:
            self.calls.append(AuditedCall(turn.context.conversation, turn.id, at, model, here, call))

    @hookimpl
    def ollm_services(self, ctx):
        return [
            Service("kept", ConversationRecords, lambda host: self),
            Service("asked", ToolApprover, lambda host: self),
        ]

    @hookimpl
    def ollm_turn_observers(self, ctx):
        return [TurnObserver("kept", on_turn=self.keep)]


@pytest.fixture
def audited(ollm_app):
    """A run in which a model has called four tools in two conversations."""
    calls = [("say", {"text": "x" * 1000}), ("tool_write", {}), ("nosuch", {})]
    replies = [ToolCall(str(number), *call) for number, call in enumerate(calls)]
    replies = [*replies, "done", ToolCall("9", "say", {"text": "last \x1b[31m"}), "done"]
    ollm = ollm_app(Plugin, Tools, Kept(), Limits, replies=replies, settings="tools: {calls: {offer: all}}")
    ollm.ask("go")
    ollm.ask("go on")
    return ollm


def test_each_call_is_listed_with_what_was_decided_and_by_whom(audited):
    document = audited.run_command("tools audit --json").json
    assert [(each["tool"], each["allowed"], each["by"], each["failed"]) for each in document] == [
        ("say", True, "ollm", False),
        ("nosuch", False, "ollm", True),
        ("tool_write", False, "user", True),
        ("say", True, "ollm", False),
    ]
    assert [each["size"] for each in document][-1] == 1000
    assert document[2]["reason"] == "The user said no."
    assert document[0]["arguments"] == {"text": "last \x1b[31m"}
    assert {each["model"] for each in document} == {"scripted/scripted:1b"}


def test_people_get_the_audit_as_a_table_without_control_characters(audited):
    said = audited.run_command("tools audit").stdout
    rows = [line.split("\t") for line in said.splitlines()]
    assert [row[4] for row in rows[1:]] == ["allowed", "refused", "refused", "allowed"]
    assert rows[0][:2] == ["when", "session"] and {(len(row[0]), len(row[1])) for row in rows[1:]} == {(16, 6)}
    assert "\x1b" not in said
    assert all(len(row[3]) <= 60 for row in rows)


def test_a_name_that_no_tool_has_does_not_fill_the_audit(ollm_app):
    ollm = ollm_app(Plugin, Tools, Kept(), Limits, replies=[ToolCall("1", "x" * 100_000, {}), "done"])
    ollm.ask("go")
    assert len(ollm.run_command("tools audit").stdout) < 500
    assert ollm.run_command("tools audit --json").json[0]["tool"] == "x" * 100_000


@pytest.mark.parametrize(
    ("words", "count"), [("--tool say", 2), ("--tool nosuch", 1), ("--tool other", 0), ("-n 1", 1), ("--limit 3", 3)]
)
def test_the_audit_can_be_narrowed(audited, words, count):
    assert len(audited.run_command(f"tools audit {words} --json").json) == count


def test_the_audit_of_one_conversation(audited):
    first = audited.run_command("tools audit --json").json[-1]["conversation"]
    for said in (first, first[:6]):
        assert len(audited.run_command(f"tools audit --session {said} --json").json) == 3
    assert audited.run_command(f"tools audit --session {first[:6]} -n 2 --tool say --json").json[0]["tool"] == "say"
    assert audited.run_command("tools audit --session nosuch --json").json == []


def test_the_audit_of_the_conversation_under_way(audited):
    result = audited.run_command("tools audit --here")
    assert result.exit_code == 2
    assert "No conversation is under way" in result.stderr


def test_an_empty_audit_is_a_line(audited):
    said = audited.run_command("tools audit --tool other").stdout
    assert said == "No tool was called in a conversation that was kept.\n"


def test_without_a_plugin_that_keeps_conversations_there_is_a_line(ollm_app):
    result = ollm_app(Plugin, Tools).run_command("tools audit")
    assert isinstance(result.error, OllmError) and result.exit_code == 1
    assert "No plugin keeps conversations" in result.stderr


# The page


PAGE = (Path(__file__).parents[2] / "docs" / "rooms" / "tools.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in FENCES if not language for line in text.splitlines()]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_of_the_page_works(program, replay, monkeypatch, line):
    monkeypatch.setenv("OLLAMA_HOST", replay().url)
    words = shlex.split(line)
    assert words.pop(0) == "ollm"
    done = program(*words)
    assert done.code == 0, done.err
    if "--json" in words:
        assert done.json is not None


def test_the_page_names_all_commands():
    assert {name for name in ("list", "show", "audit") if f"ollm tools {name}" in PAGE} == {"list", "show", "audit"}
    assert len(COMMANDS) == 10


def test_settings_that_the_page_names_exist(ollm_app):
    named = set(re.findall(r"`((?:tools|options|chat)\.[\w.]+)`", PAGE))
    known = set(ollm_app(Plugin, Options).app.settings.fields)
    assert named - known == set()


def test_an_offer_holds_until_the_conversation_ends(replay, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    server = replay()
    with Terminal(home, {"OLLAMA_HOST": server.url, "OLLM_PROVIDER": "ollama", "OLLM_MODEL": "smollm2:135m"}) as repl:
        repl.wait_for_prompt()
        repl.ask("hi")
        repl.ask("/set tools.calls.offer none")
        repl.ask("hi again")
        repl.press("c-d")
        assert repl.wait_for_end() == 0
    first, second = server.asked("/api/chat")
    assert "read_file" in [tool["function"]["name"] for tool in first.json["tools"]]
    assert not second.json.get("tools")
