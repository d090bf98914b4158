"""Are tools called as real servers want it, in a run of the harness, in a real process, and in a real terminal?"""

import asyncio
import json
import signal
import time

import pytest
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.local.plugin import Plugin as Local
from ollm_plugins.ollama.plugin import Plugin as Ollama
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.tokens.plugin import Plugin as Tokens
from ollm_plugins.tools.astext import Opening
from ollm_plugins.tools.plugin import Plugin

from ollm.api import Finished, Notice, Specs, TextDelta, Tool, ToolCalled, ToolReturned, hookimpl
from tests.helpers import strangers
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.plugins.test_local import cache  # noqa: F401  (a fixture: the real weights)
from tests.replay.fixtures import replay  # noqa: F401  (a fixture)
from tests.replay.recordings import load
from tests.terminal.screen import Terminal

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
STRANGER = f"""
import asyncio, os
from ollm.api import Specs, Tool, hookimpl

async def run(ctx, args):
    await asyncio.sleep(float(os.environ.get("SLOW", 0)))
    return os.environ.get("SAYS") or "17 degrees in " + args["city"]

class Plugin(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        risk = os.environ.get("RISK", "none")
        return [Tool("get_weather", "Get the current weather for a city", {CITY!r}, run, risk=risk)]
"""


class Weather(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        async def run(ctx, args):
            return f"17 degrees in {args['city']}"

        return [Tool("get_weather", "Get the current weather for a city", CITY, run, risk="none")]


@pytest.fixture
def chat(replay, ollm_app):
    """Ask a server that answers with recordings; return the events and what it was sent."""

    def ask(*recordings, settings="", tools=Weather):
        server = replay({"/api/chat": list(recordings)})
        lines = (
            f"model: {{provider: ollama, default: 'smollm2:135m'}}\nproviders: {{ollama: {{host: '{server.url}'}}}}\n"
        )
        ollm = ollm_app(Ollama, Limits, Tokens, Options, Plugin, tools, settings=lines + settings)
        events = ollm.ask("What is the weather in Paris?").events
        ask.said = ollm.stderr.getvalue()
        return events, [request.json for request in server.asked("/api/chat")]

    return ask


def text(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def notices(events):
    return [event.text for event in events if isinstance(event, Notice)]


def test_a_call_in_one_line_is_made_and_its_result_sent_back(chat):
    events, (first, second) = chat("chat_tool_calls_stream", "chat_tool_calls_followup")
    assert [tool["function"]["name"] for tool in first["tools"]] == ["get_weather"]
    (result,) = [event for event in events if isinstance(event, ToolReturned)]
    assert (result.call.id, result.content) == ("call_hw4uku5m", "17 degrees in Paris")
    assert text(events) == load("chat_tool_calls_followup").text
    user, assistant, tool = second["messages"]
    assert assistant["tool_calls"][0]["function"]["arguments"] == {"city": "Paris"}
    assert (tool["role"], tool["tool_name"], tool["content"]) == ("tool", "get_weather", "17 degrees in Paris")
    assert notices(events) == [] and chat.said == ""


def test_ids_that_are_missing_are_made_up(chat):
    line = json.loads(load("chat_tool_calls_stream").lines[0])
    del line["message"]["tool_calls"][0]["id"]
    line["message"]["tool_calls"] *= 2
    lines = (json.dumps(line), *load("chat_tool_calls_stream").lines[1:])
    events, (_, second) = chat(load("chat_tool_calls_stream").but(lines=lines), "chat_tool_calls_followup")
    ids = [event.call.id for event in events if isinstance(event, ToolCalled)]
    assert len(set(ids)) == 2
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool", "tool"]


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        (
            "chat_tool_calls_cut",
            "The model's call of get_weather was cut short at the token limit, so nothing was run; raise it with "
            "--max-tokens.",
        ),
        (
            "chat_tool_calls_unknown_function",
            "The model wrote a call of 'no_such_tool', which is none of its tools, so nothing was run.",
        ),
        ("chat_tool_calls_two", "The model wrote a call of get_weather as text, so nothing was run."),
    ],
)
def test_a_call_that_the_server_took_for_text_is_said(chat, recording, said):
    events, requests = chat(recording)
    assert text(events) == load(recording).text
    assert notices(events) == [said]
    assert isinstance(events[-1], Finished)
    assert len(requests) == 1


def test_a_model_that_only_repeats_itself_is_stopped(chat):
    events, requests = chat("chat_tool_calls_stream", settings="chat: {maxToolRounds: 5}")
    found = [event for event in events if isinstance(event, ToolReturned)]
    assert [event.failed for event in found] == [False, False, True, True, True]
    assert "You have made this very call before in this turn" in found[2].content
    assert [event.code for event in events if isinstance(event, Notice)] == ["tool-repeated"] * 3 + ["tool-rounds"]
    assert events[-1].reason == "rounds"
    assert len(requests) == 5


def test_arguments_that_do_not_fit_are_told_to_the_model(chat):
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Where:
        city: int

    class Strict(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            return [Tool("get_weather", "Get the weather", Where, "nosuch:run", risk="none")]

    events, (_, second) = chat("chat_tool_calls_stream", "chat_tool_calls_followup", tools=Strict)
    assert second["messages"][-1]["content"].startswith("The arguments do not fit: 1 validation error")
    assert text(events) == load("chat_tool_calls_followup").text


def test_calls_of_one_answer_run_side_by_side(chat):
    running = []

    class Slow(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def run(ctx, args):
                running.append(1)
                async with asyncio.timeout(30):
                    while len(running) < 2:  # each waits for the other
                        await asyncio.sleep(0.001)
                return args["city"]

            return [Tool("get_weather", "Get the weather", CITY, run, risk="none")]

    line = json.loads(load("chat_tool_calls_stream").lines[0])
    line["message"]["tool_calls"] *= 2
    for call in line["message"]["tool_calls"]:
        call.pop("id", None)
    lines = (json.dumps(line), *load("chat_tool_calls_stream").lines[1:])
    twice = load("chat_tool_calls_stream").but(lines=lines)
    events, (_, second) = chat(twice, "chat_tool_calls_followup", tools=Slow)
    assert [event.failed for event in events if isinstance(event, ToolReturned)] == [False, False]
    assert [message["content"] for message in second["messages"][-2:]] == ["Paris", "Paris"]


@pytest.mark.parametrize("recording", ["chat_tools_stream", "chat_tools_plain_answer", "chat_stream"])
def test_of_a_plain_answer_nothing_is_said(chat, recording):
    events, _ = chat(recording)
    assert text(events) == load(recording).text
    assert notices(events) == []


def test_json_that_is_no_call_is_an_answer(chat):
    events, _ = chat("chat_format_json_stream")
    assert notices(events) == []


def test_the_fallback_asks_a_server_for_json_and_offers_no_tools(chat):
    unable = "models: {'smollm2:*': {limits: {capabilities: [streaming]}}}\ntools: {calls: {fallback: true}}\n"
    events, (request,) = chat("chat_format_json_stream", settings=unable)
    assert "tools" not in request
    assert request["format"]["anyOf"][1]["properties"]["tool"] == {"const": "get_weather"}
    assert "- get_weather: Get the current weather for a city" in request["messages"][0]["content"]
    assert text(events) == load("chat_format_json_stream").text
    (notice,) = notices(events)
    assert "so nothing was run; it is shown as it came." in notice


OFFERED = ["get_weather", "read_file"]


@pytest.mark.parametrize(
    ("answer", "reason", "said"),
    [
        (
            '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call>',
            "stop",
            "get_weather as text",
        ),
        ('```json\n{"name": "get_weather", "arguments": {}}\n```', "stop", "get_weather as text"),
        ('<|python_tag|>{"name": "read_file", "parameters": {}}', "stop", "read_file as text"),
        ('{"type": "function", "function": {"name": "read_file", "parameters": {}}}', "stop", "read_file as text"),
        ('{"name": "read_fil", "arguments": {}}', "stop", "'read_fil', which is none of its tools, so"),
        ('{"name": "x\\nollm: y", "arguments": {}}', "stop", "'x ollm: y', which is none of its tools, so"),
        ('  \n [{"name": "get_weather", "argu', "stop", "get_weather as text"),
        ('{"name": "Ada", "arguments": {}, "age": 3}', "stop", None),
        ('{"name": "get_weather"}', "stop", None),
        ('{"name": "Ada", "age": 3', "length", None),
        ('Sure: {"name": "get_weather", "arguments": {}}', "stop", None),
        ("{" * 30_000, "stop", None),
        ("[" * 15_000, "stop", None),
        ("<b>bold</b>", "stop", None),
        ("```python\nprint()\n```", "stop", None),
        ("[1, 2]", "stop", None),
        ("", "stop", None),
        ('{"name": "\\u001b[31mx", "arguments": {}}', "stop", "'␛[31mx', which"),
    ],
)
def test_what_counts_as_a_call(answer, reason, said):
    for size in (1, 7, 100_000):
        opening = Opening(OFFERED)
        for at in range(0, len(answer), size):
            opening.take(answer[at : at + size])
        notice = opening.verdict(reason)
        assert (said in notice.text) if said else notice is None, notice


# The real program


@pytest.fixture
def site(tmp_path):
    """A folder that, on the path, brings the tool."""
    folder = tmp_path / "site"
    folder.mkdir()
    strangers.install(folder, "weather", STRANGER)
    return str(folder)


TALK = ["chat_tool_calls_stream", "chat_tool_calls_followup"]


def test_a_script_gets_the_tool_run(ollm, replay, site):
    server = replay({"/api/chat": TALK})
    done = ollm.real(
        "-p", "What is the weather in Paris?", "-o", "stream-json", OLLAMA_HOST=server.url, PYTHONPATH=site
    )
    assert done.code == 0, done.err
    events = [json.loads(line) for line in done.out.splitlines()]
    kinds = [event["type"] for event in events if event["type"] not in ("text", "waiting")]
    assert kinds == ["started", "toolCall", "toolDecision", "toolResult", "finished"]
    (result,) = [event for event in events if event["type"] == "toolResult"]
    assert result["content"] == "17 degrees in Paris"
    assert server.asked("/api/chat")[1].json["messages"][-1]["content"] == "17 degrees in Paris"


def test_a_script_is_not_offered_tools_with_a_risk_unless_it_asks_for_all(ollm, replay, site):
    server = replay()
    environ = {"OLLAMA_HOST": server.url, "PYTHONPATH": site, "RISK": "write"}
    for words in ([], ["--tools", "all"], ["--tools=none"]):
        done = ollm.real(*words, "-p", "hi", **environ)
        assert done.code == 0, done.err
    with_tools = [[each["function"]["name"] for each in r.json.get("tools", [])] for r in server.asked("/api/chat")]
    assert "get_weather" in with_tools[1]
    assert with_tools[0] == with_tools[2] == []
    assert ollm.real("--tools", "some", "-p", "hi", **environ).code == 2


def test_a_long_result_is_kept_in_a_real_run(ollm, replay, site):
    server = replay({"/api/chat": TALK})
    says = "a line of a long result\n" * 5000
    done = ollm.real("-p", "hi", OLLAMA_HOST=server.url, PYTHONPATH=site, SAYS=says)
    assert done.code == 0, done.err
    (path,) = (ollm.home / "cache" / "tool-results").iterdir()
    assert path.read_text() == says
    assert f"get_weather returned more than the model gets; the whole is in {path}." in done.err
    sent = server.asked("/api/chat")[1].json["messages"][-1]["content"]
    assert len(sent) < 20_000 and str(path) in sent


def test_ctrl_c_ends_the_tool_of_a_script_at_once(ollm, replay, site):
    server = replay({"/api/chat": TALK})
    environ = {"OLLAMA_HOST": server.url, "PYTHONPATH": site, "SLOW": "120"}
    process = ollm.process("-p", "What is the weather in Paris?", "-o", "stream-json", **environ)
    for line in process.stdout:
        if '"toolDecision"' in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert json.loads(out.splitlines()[-1])["reason"] == "interrupted"
    (call,) = ollm.real("tools", "audit", "--json", **environ).json
    assert (call["tool"], call["failed"]) == ("get_weather", True)


def test_a_script_reads_in_its_document_that_nothing_was_run(ollm, replay, site):
    server = replay({"/api/chat": "chat_tool_calls_cut"})
    done = ollm.real("-p", "hi", "-o", "json", OLLAMA_HOST=server.url, PYTHONPATH=site)
    assert done.json["notices"][0]["code"] == "tool-call-as-text"


def test_what_a_script_had_run_is_found_in_the_audit(ollm, replay, site):
    server = replay({"/api/chat": TALK})
    environ = {"OLLAMA_HOST": server.url, "PYTHONPATH": site}
    assert ollm.real("-p", "What is the weather in Paris?", **environ).code == 0
    (call,) = ollm.real("tools", "audit", "--json", **environ).json
    assert (call["tool"], call["arguments"], call["allowed"], call["by"]) == (
        "get_weather",
        {"city": "Paris"},
        True,
        "ollm",
    )
    assert call["size"] == len("17 degrees in Paris")
    assert call["model"].startswith("ollama/")
    listed = ollm.real("session", "list", "--json", **environ).json
    assert call["conversation"] in json.dumps(listed)
    assert len(ollm.real("tools", "audit", "--session", call["conversation"][:6], "--json", **environ).json) == 1
    environ["OLLAMA_HOST"] = replay({"/api/chat": TALK}).url
    assert ollm.real("--no-save", "-p", "What is the weather in Paris?", **environ).code == 0
    assert len(ollm.real("tools", "audit", "--json", **environ).json) == 1


def test_an_answer_loads_nothing_heavy_for_tools(ollm, replay, site, tmp_path):
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "heavy = {'pydantic', 'ruamel', 'prompt_toolkit', 'rich', 'anyio'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
    )
    server = replay({"/api/chat": TALK})
    done = ollm.real("-p", "hi", OLLAMA_HOST=server.url, PYTHONPATH=site)
    assert done.code == 0, done.err
    assert "HEAVY []" in done.err


def test_ctrl_c_ends_the_tool_and_the_turn_and_leaves_a_consistent_history(replay, site, tmp_path):
    server = replay({"/api/chat": ["chat_tool_calls_stream", "chat_tools_plain_answer"]})
    home = tmp_path / "home"
    home.mkdir()
    environ = {"OLLAMA_HOST": server.url, "PYTHONPATH": site, "SLOW": "60", "OLLM_PROVIDER": "ollama"}
    with Terminal(home, {**environ, "OLLM_MODEL": "smollm2:135m"}) as terminal:
        terminal.wait_for_prompt()
        terminal.send_line("What is the weather in Paris?")
        terminal.wait_for("get_weather")
        terminal.press("c-c")
        terminal.wait_for_prompt()
        terminal.send_line("Hello!")
        terminal.wait_for("Just checking")
        terminal.wait_for_prompt()
        terminal.ask("/tools audit --here --json")
        terminal.wait_for('"reason": "it carries no risk"')
        terminal.press("c-d")
        assert terminal.wait_for_end() == 0
    messages = server.asked("/api/chat")[-1].json["messages"]
    roles = [message["role"] for message in messages if message["role"] != "system"]
    assert roles == ["user", "assistant", "tool", "user"]
    assert [message["content"] for message in messages if message["role"] == "tool"] == ["Interrupted by the user."]


def test_the_embedded_engine_calls_a_tool(ollm_app, ollm_home, cache):
    """The real engine with the real weights; so small a model errs, but the schema holds it to the form."""
    models = ollm_home / "models"
    models.mkdir()
    (models / cache.name).symlink_to(cache)
    settings = (
        "model: {provider: local}\ntools: {calls: {fallback: true}}\noptions: {temperature: 0, seed: 7, numPredict: 60}"
    )
    ollm = ollm_app(Local, Limits, Tokens, Options, Plugin, Weather, settings=settings)
    events = ollm.ask("What is the weather in Paris?").events
    (result,) = [event for event in events if isinstance(event, ToolReturned)]
    assert (result.call.arguments, result.content) == ({"city": "Paris"}, "17 degrees in Paris")
    assert len([event for event in events if isinstance(event, TextDelta)]) > 3
    assert "{" not in text(events) and notices(events) == []
    assert ollm.stderr.getvalue() == ""
