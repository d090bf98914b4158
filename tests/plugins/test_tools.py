"""Which tools is a model offered, what may their results cost, and what is kept of them?"""

import os
import stat
import time

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.memory.plugin import Plugin as Memory
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.project.plugin import Plugin as Project
from ollm_plugins.tokens.plugin import Plugin as Tokens
from ollm_plugins.tools.cutting import cut
from ollm_plugins.tools.keeping import DAYS, tidy
from ollm_plugins.tools.plugin import Plugin

from ollm.api import (
    ConversationRecords,
    ModelLimits,
    Overrides,
    Service,
    Specs,
    Tool,
    ToolCall,
    ToolReturned,
    TurnObserver,
    hookimpl,
)

NOTHING = {"type": "object", "properties": {}}
SAID = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
RISKS = ("none", "read", "write", "execute", "network")


async def _say(ctx, args):
    return args.get("text", "said")


class Tools(Specs):
    """One tool of each risk, and one that returns what it is given."""

    @hookimpl
    def ollm_tools(self, ctx):
        made = [Tool(f"tool_{risk}", f"Has the risk {risk}.", NOTHING, _say, risk=risk) for risk in RISKS]
        return [*made, Tool("say", "Say something.", SAID, _say, risk="none")]


UNABLE = "models: {'scripted:1b': {limits: {capabilities: [streaming]}}}\n"
ALL = ["say", *sorted(f"tool_{risk}" for risk in RISKS)]
SAFE = ["say", "tool_none"]


def offered(ollm, at=-1):
    return sorted(tool.name for tool in ollm.provider.requests[at].tools)


def in_conversation(ollm):
    """Let the run be one at the terminal."""
    ollm.app.begin_background()
    return ollm


def ask(ollm, prompt="go", **more):
    async def hold():
        return [event async for event in ollm.app.conversation().ask(prompt, **more)]

    return ollm.app.run(hold())


# Which tools are offered


@pytest.mark.parametrize(
    ("settings", "at_terminal", "expected"),
    [
        ("", False, SAFE),
        ("", True, ALL),
        ("tools: {calls: {offer: auto}}", True, ALL),
        ("tools: {calls: {offer: all}}", False, ALL),
        ("tools: {calls: {offer: all}}", True, ALL),
        ("tools: {calls: {offer: none}}", False, []),
        ("tools: {calls: {offer: none}}", True, []),
        (
            "tools: {calls: {disabled: [say, tool_read]}}",
            True,
            [name for name in ALL if name not in ("say", "tool_read")],
        ),
        ("tools: {calls: {offer: all, disabled: [say]}}", False, [name for name in ALL if name != "say"]),
    ],
)
def test_which_tools_are_offered(ollm_app, settings, at_terminal, expected):
    ollm = ollm_app(Plugin, Tools, Limits, settings=settings)
    if at_terminal:
        in_conversation(ollm)
    ollm.ask("go")
    assert offered(ollm) == expected
    assert ollm.stderr.getvalue() == ""


def test_tools_with_a_risk_are_offered_only_to_models_that_are_known_to_call_tools(ollm_app):
    ollm = in_conversation(ollm_app(Plugin, Tools, settings=""))
    ollm.ask("go")
    assert offered(ollm) == SAFE
    assert ollm.stderr.getvalue() == ""


def test_what_a_model_cannot_call_is_left_out_with_a_line_if_all_are_wanted(ollm_app):
    ollm = in_conversation(ollm_app(Plugin, Tools, Limits, settings=f"{UNABLE}tools: {{calls: {{offer: all}}}}"))
    ollm.ask("go")
    assert offered(ollm) == []
    assert "scripted:1b cannot call tools, so it is not offered tool_none" in ollm.stderr.getvalue()


def test_an_answer_in_a_given_form_is_offered_no_tools_unless_all_are_wanted(ollm_app):
    form = Overrides(schema={"type": "object", "properties": {"a": {"type": "string"}}})
    for settings, expected in (("", []), ("tools: {calls: {offer: all}}", ALL)):
        ollm = ollm_app(Plugin, Tools, Limits, settings=settings)
        ask(ollm, overrides=form)
        assert offered(ollm) == expected


def test_what_is_not_offered_is_not_run(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, replies=[ToolCall("1", "tool_read", {}), "ok"])
    (result,) = results(ollm)
    assert result.failed and result.content == "There is no tool 'tool_read'. Tools: say, tool_none."


def test_a_name_that_is_disabled_and_that_no_tool_has_is_said(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, settings="tools: {calls: {disabled: [tool_nome, say]}}")
    ollm.ask("go")
    ollm.ask("again")
    said = "ollm: tools.calls.disabled names 'tool_nome', and there is no such tool"
    assert ollm.stderr.getvalue().count(said) == 1
    assert "tool_none" in ollm.stderr.getvalue()
    assert offered(ollm) == ["tool_none"]


def test_a_project_may_not_offer_tools(ollm_app):
    setting = ollm_app(Plugin, Project).app.settings.fields
    assert not any(setting[key].setting.project for key in setting if key.startswith("tools."))


# What results may cost

LONG = "\n".join(f"line {number} of the long result" for number in range(3000))


def results(ollm, prompt="go"):
    return [each for each in ollm.ask(prompt).events if isinstance(each, ToolReturned)]


def say(text, *, times=1):
    """A script in which the model has a tool return a text, so many times in one answer."""
    from ollm.api import Finished, ToolCalled

    calls = [ToolCalled(ToolCall(f"c{number}", "say", {"text": text})) for number in range(times)]
    return [[*calls, Finished("stop")], "done"]


def kept(ollm):
    return sorted(ollm.app.paths.tool_results.glob("*"))


def counted(ollm, text):
    from ollm.api import TokenCounter

    return ollm.app.run(ollm.app.services.find(TokenCounter).count(text, "scripted:1b", "scripted")).tokens


def test_a_short_result_stays_as_it_is(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say("x\n" * 300))
    assert [each.content for each in results(ollm)] == ["x\n" * 300]
    assert kept(ollm) == []
    assert ollm.stderr.getvalue() == ""


def test_a_long_result_keeps_its_ends_and_says_where_the_whole_is(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say(LONG))
    (result,) = results(ollm)
    (path,) = kept(ollm)
    assert path.read_text() == LONG
    assert not result.failed
    lines = result.content.splitlines()
    assert (lines[0], lines[-1]) == ("line 0 of the long result", "line 2999 of the long result")
    (said,) = [line for line in lines if line.startswith("[")]
    missing = 3000 - (len(lines) - 1)
    assert said.startswith(f"[… left out here: {missing:,} of 3,000 lines, ") and said.endswith(f"is in {path} …]")
    assert all(line in LONG.splitlines() for line in lines if line is not said)
    assert ollm.provider.requests[-1].messages[-1].content == result.content
    assert f"say returned more than the model gets; the whole is in {path}." in ollm.stderr.getvalue()


def test_only_the_user_may_read_what_is_kept(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say(LONG))
    results(ollm)
    (path,) = kept(ollm)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_result_gets_half_of_what_is_left_of_the_context(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say(LONG))
    (result,) = results(ollm)
    assert 1100 < counted(ollm, result.content) <= (4096 - 1024) // 2  # the scripted model has 4096; 1024 to answer


def test_results_of_one_answer_share_what_is_left(ollm_app):
    texts = [f"{number} {LONG}" for number in range(4)]
    script = [[*say(text)[0][:1]] for text in texts]
    from ollm.api import Finished, ToolCalled

    calls = [ToolCalled(ToolCall(f"c{at}", "say", each[0].call.arguments)) for at, each in enumerate(script)]
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=[[*calls, Finished("stop")], "done"])
    found = results(ollm)
    assert len(kept(ollm)) == 4
    sizes = sorted(counted(ollm, each.content) for each in found)
    assert sum(sizes) <= 4096 - 1024
    assert sizes[0] < sizes[-1] / 3


@pytest.mark.parametrize(("settings", "most"), [("tools: {results: {maxTokens: 300}}", 300), ("", 4000)])
def test_no_result_gets_more_than_the_setting_says(ollm_app, settings, most):
    roomy = "models: {'scripted:1b': {limits: {contextWindow: 100000}}}\n"
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say(LONG), settings=roomy + settings)
    (result,) = results(ollm)
    assert most * 0.7 < counted(ollm, result.content) <= most


def test_a_context_that_the_user_has_chosen_is_heeded(ollm_app):
    roomy = "models: {'scripted:1b': {limits: {contextWindow: 100000}}}\noptions: {numCtx: 2048}"
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, Options, replies=say(LONG), settings=roomy)
    (result,) = results(ollm)
    assert counted(ollm, result.content) <= (2048 - 512) // 2


def test_a_context_that_is_full_leaves_a_little(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say(LONG))
    (result,) = results(ollm, "word " * 6000)
    assert 0 < counted(ollm, result.content) <= 250
    assert "left out here" in result.content


def test_one_endless_line_is_cut_within(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say("abcdefghij" * 50_000))
    (result,) = results(ollm)
    assert result.content.startswith("abcdefghij") and result.content.endswith("abcdefghij")
    assert "1 of 1 lines" in result.content
    assert counted(ollm, result.content) <= (4096 - 1024) // 2


def test_a_huge_result_takes_no_time(ollm_app):
    text = "".join(f"{number} some words of a log, with numbers and so on\n" for number in range(200_000))

    class Much(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def run(ctx, args):
                return text

            return [Tool("much", "Say much.", NOTHING, run, risk="none")]

    ollm = ollm_app(Plugin, Much, Limits, Tokens, replies=[ToolCall("1", "much", {}), "done"])
    started = time.process_time()
    (result,) = results(ollm)
    assert time.process_time() - started < 1.5
    assert len(result.content) < 12_000
    assert kept(ollm)[0].stat().st_size == len(text)


def test_a_model_that_has_read_file_is_told_how_to_read_on(ollm_app):
    class Reader(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("read_file", "Read.", NOTHING, _say, risk="none")]

    ollm = ollm_app(Plugin, Tools, Reader, Limits, Tokens, replies=say(LONG))
    (result,) = results(ollm)
    assert "; read_file with offset and limit shows parts of it …]" in result.content


def test_a_result_that_cannot_be_kept_is_cut_all_the_same(ollm_app, ollm_home):
    (ollm_home / "cache").write_text("in the way")
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say(LONG))
    (result,) = results(ollm)
    assert "; the rest is lost …]" in result.content
    assert "A long result of say is cut: " in ollm.stderr.getvalue()


def test_without_a_counter_of_tokens_results_are_trimmed_by_size(ollm_app):
    ollm = ollm_app(Plugin, Tools, replies=say(LONG))
    (result,) = results(ollm)
    assert 1000 < len(result.content) < 4096 * 3


def test_a_text_that_utf8_cannot_say_is_kept(ollm_app):
    ollm = ollm_app(Plugin, Tools, Limits, Tokens, replies=say("\ud800 half\n" * 3000))
    results(ollm)
    assert kept(ollm)[0].read_text().startswith("? half\n")


@pytest.mark.parametrize("characters", [0, 10, 100, 500, 5000])
def test_what_is_cut_has_the_size_that_it_may_have(characters):
    text = cut(LONG, characters, "WHERE")
    assert len(text) <= max(characters, len("[… left out here: 3,000 of 3,000 lines, 100,000 characters; WHERE …]")) + 2
    assert "WHERE" in text


def test_old_results_and_too_many_are_deleted_and_nothing_else(tmp_path, monkeypatch):
    now = time.time()
    for name, days, size in (
        ("old", DAYS + 1, 5),
        (".half.txt", DAYS + 1, 5),
        ("a", 3, 600),
        ("b", 2, 300),
        ("c", 1, 300),
    ):
        path = tmp_path / f"{name}.txt"
        path.write_bytes(b"x" * size)
        os.utime(path, (now - days * 86_400,) * 2)
    (tmp_path / "other.md").write_text("stays")
    monkeypatch.setattr("ollm_plugins.tools.keeping.MOST", 1000)
    tidy(tmp_path, now)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.txt", "c.txt", "other.md"]
