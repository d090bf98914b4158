"""What fills a context beside the conversation: tools, images, system prompts? And how far does it grow?"""

import gc
import json

import pytest
from ollm_plugins.context.adjust import adjust
from ollm_plugins.context.plugin import Plugin as Context
from ollm_plugins.context.results import with_results
from ollm_plugins.context.views import MOST, Cut, Sent, known
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.routing.plugin import Plugin as Routing
from ollm_plugins.tokens.plugin import Plugin as Tokens
from ollm_plugins.tools.plugin import Plugin as Tools

from ollm.api import (
    ChatRequest,
    FrontendContext,
    MemoryEstimate,
    MemoryNeed,
    Message,
    ModelMemory,
    OllmError,
    Service,
    Specs,
    TokenCounter,
    Tool,
    ToolCall,
    TurnContext,
    hookimpl,
)
from tests.plugins.test_context import MODEL, SMALL, SUMMARY, answering, long, spoken, talk  # noqa: F401  (a fixture)
from tests.replay import load
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)

TOOLS = ("completion", "tools")
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d494844520000000100000001080600000001f15c4890000000")


def teller(words):
    """Return a plugin whose tool says so many words."""

    class Teller(Specs):
        @hookimpl
        def ollm_tools(self, ctx):
            async def run(ctx, args):
                return long("fact", words)

            return [Tool("get_weather", "Tell.", {"type": "object", "properties": {}}, run, risk="none")]

    return Teller


def calling(rounds):
    """Let the model call the tool so many times, then answer."""
    call = load("chat_tool_calls_stream")

    def rule(request):
        messages = request.json["messages"]
        last = max(number for number, each in enumerate(messages) if each["role"] in ("user", "system"))
        made = sum(message["role"] == "tool" for message in messages[last:])
        if not request.json.get("tools") or made >= rounds:
            return answering(request)
        line = json.loads(call.lines[0])
        line["message"]["tool_calls"][0]["function"]["arguments"] = {"number": made}
        return call.but(lines=(json.dumps(line), *call.lines[1:]))

    return rule


def results(body):
    return [message["content"] for message in body["messages"] if message["role"] == "tool"]


def test_a_result_that_fills_the_context_is_shortened_and_that_is_said(talk):  # noqa: F811
    one = talk(SMALL, calling(1), (teller(2000),), TOOLS)
    assert one.say("Tell me")[-1].reason == "stop"
    (sent,) = results(one.bodies[-1])
    assert "characters are left out" in sent
    assert one.said.count("The results of the tools are too long for a context of 512 tokens") == 1
    assert one.conversation.messages[2].content == long("fact", 2000), "the conversation keeps it"


def test_several_results_and_turns_before_them_make_room_together(talk):  # noqa: F811
    one = talk(SMALL, calling(3), (teller(150),), TOOLS)
    one.conversation.messages.extend([Message("user", long("box", 120)), Message("assistant", "Fine.")])
    assert one.say("Tell me")[-1].reason == "stop"
    assert len(results(one.bodies[-1])) == 3
    assert one.bodies[-1]["messages"][0]["role"] == "system"
    assert len(one.cuts) == 1
    lines = one.said.splitlines()
    assert len(lines) == len(set(lines)), "nothing is said twice"


def test_the_next_turn_summarizes_results_with_their_turn(talk):  # noqa: F811
    one = talk(SMALL, calling(1), (teller(600),), TOOLS)
    one.say("Tell me")
    one.say("Tell me more")
    assert len(results(one.bodies[-1])) == 1
    roles = [message["role"] for message in one.bodies[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool"]


def test_stop_sends_no_result_that_does_not_fit(talk):  # noqa: F811
    one = talk(f"{SMALL}context: {{onOverflow: stop}}", calling(1), (teller(2000),), TOOLS)
    with pytest.raises(OllmError, match="/context compact makes room"):
        one.say("Tell me")
    assert [message.role for message in one.conversation.messages] == ["user", "assistant", "tool"]


def test_a_short_result_stays_as_it_is():
    request = ChatRequest("m", (Message("user", "u"), Message("tool", "short"), Message("tool", "x" * 2000)))
    user, short, cut = with_results(request, 0, 300).messages
    assert (user.content, short.content) == ("u", "short")
    assert len(cut.content) <= 300
    assert with_results(request, 3, 300) == request


def test_a_system_prompt_larger_than_the_context_is_refused_with_what_to_do(talk):  # noqa: F811
    one = talk(f"{SMALL}chat: {{systemPrompt: '{long('rule', 700)}'}}")
    with pytest.raises(OllmError, match="Shorten the system prompt"):
        one.say("Hello")
    assert one.bodies == []


class Many(Specs):
    @hookimpl
    def ollm_tools(self, ctx):
        return [Tool(f"t{each}", long("does", 60), {"type": "object"}, "json:dumps", "none") for each in range(9)]


def test_tools_that_the_model_cannot_call_take_no_room(talk):  # noqa: F811
    one = talk(SMALL, plugins=(Many,))
    assert one.say("Hello")[-1].reason == "stop"
    assert "tools" not in one.bodies[-1]
    assert [part["name"] for part in json.loads(one.shown("context --json"))["parts"]] == ["prompt"]


def test_tools_larger_than_the_context_are_named(talk):  # noqa: F811
    one = talk(SMALL, plugins=(Many,), able=TOOLS)
    with pytest.raises(OllmError, match="Offer fewer tools"):
        one.say(long("box", 100))
    assert one.bodies == []


def test_images_larger_than_the_context_are_named(talk):  # noqa: F811
    one = talk(SMALL, able=("completion", "vision"))
    with pytest.raises(OllmError, match="Leave images out"):
        one.say("What is this?", (PIXEL, PIXEL))
    assert one.bodies == []


def as_long_as(one, tokens):
    """Return a text that makes a prompt of at least so many tokens, by the estimate of just now."""
    counter = one.ollm.app.context.services.find(TokenCounter)

    def counted(words):
        request = ChatRequest(MODEL, (Message("user", long("cat", words)),))
        return one.ollm.app.run(counter.count_request(request, "ollama")).tokens

    return long("cat", next(words for words in range(tokens * 2) if counted(words) >= tokens))


def test_a_prompt_that_only_leaves_no_room_for_an_answer_is_said_to_do_so(talk):  # noqa: F811
    one = talk(SMALL)
    with pytest.raises(OllmError, match="only 512, of which 64 are kept for the answer"):
        one.say(as_long_as(one, 480))


def test_a_summary_goes_where_only_it_has_no_room_beside_the_prompt(talk):  # noqa: F811
    one = talk(SMALL)
    one.say(long("box"))
    one.command("context compact --keep 0")
    one.say(as_long_as(one, 430))
    assert [len(body["messages"]) for body in one.bodies[-1:]] == [1]
    assert "The oldest turn is left out" in one.said
    one.command("context undo")
    assert one.cuts[-1].summary == SUMMARY


def test_a_prompt_that_never_fits_costs_the_conversation_nothing(talk):  # noqa: F811
    one = talk(SMALL)
    one.say(long("box", 130))
    asked = len(one.bodies)
    with pytest.raises(OllmError, match="Shorten the prompt"):
        one.say(long("cat", 900))
    assert (one.cuts, len(one.bodies)) == ((), asked)
    one.say("Go on")
    assert one.bodies[-1]["messages"][0]["content"] == long("box", 130)


def test_images_take_room(talk):  # noqa: F811
    one = talk("options: {numCtx: 1024}", able=("completion", "vision"))
    one.say("What is this?", (PIXEL,))
    document = json.loads(one.shown("context --json"))
    assert document["tokens"] > 500
    one.say("And this?", (PIXEL,))
    assert "are summarized" in one.said or "is summarized" in one.said
    assert len(one.bodies[-1]["messages"][-1]["images"]) == 1


def with_memory(room, each_token=1_000_000, guessed=False):
    class Memory:
        async def estimate(self, models, context_size=None):
            needs = {f"{provider}/{name}": MemoryNeed(context_size * each_token, True) for provider, name in models}
            return MemoryEstimate(needs, room, "of GPU memory", guessed)

    class Machine(Specs):
        @hookimpl
        def ollm_services(self, ctx):
            return [Service("memory", ModelMemory, lambda host: Memory())]

    return Machine


GROW = f"{SMALL}context: {{onOverflow: grow}}"


def test_growing_stops_where_memory_ends_and_says_so(talk):  # noqa: F811
    one = talk(GROW, plugins=(with_memory(900 * 10**6),))
    for word in ("box", "cat", "dog", "elk"):
        one.say(long(word, 134))
    assert {body["options"]["num_ctx"] for body in one.bodies} == {512}
    assert f"A context of 1,024 tokens does not fit: {MODEL} would take about 1.0 of 0.9 GB of GPU memory." in one.said
    assert "summarized" in one.said


@pytest.mark.parametrize("memory", [with_memory(2 * 10**9), with_memory(1, guessed=True), with_memory(None)])
def test_growing_goes_on_where_there_is_memory_or_nobody_knows(talk, memory):  # noqa: F811
    one = talk(GROW, plugins=(memory,))
    for word in ("box", "cat", "dog", "elk"):
        one.say(long(word, 134))
    assert one.bodies[-1]["options"]["num_ctx"] == 1024
    assert one.said.count("The context grows from 512 to 1,024 tokens") == 1, "it stays so, and is said once"


@pytest.mark.parametrize(("vram", "size"), [(0.5, 512), (24, 1024)])
def test_what_routing_knows_of_memory_bounds_the_context(talk, vram, size):  # noqa: F811
    """The recorded model has 0.1 GB of weights; with its cache and buffers it takes more than 0.5 GB."""
    one = talk(f"{GROW}\nmodel: {{routing: {{vramGb: {vram}}}}}\n", plugins=(Routing,))
    for word in ("box", "cat", "dog", "elk"):
        one.say(long(word, 134))
    assert one.bodies[-1]["options"]["num_ctx"] == size
    assert ("GB of GPU memory." in one.said) == (size == 512)


def test_growing_ends_at_the_models_limit_then_summarizes(talk):  # noqa: F811
    one = talk(GROW)
    for number in range(16):
        one.say(long(f"w{number}", 700))
    assert max(body["options"]["num_ctx"] for body in one.bodies) == 8192
    assert all(body["options"]["num_ctx"] <= 8192 for body in one.bodies)
    assert "summarized" in one.said


def test_a_size_that_is_set_ends_growing_and_auto_beats_the_file(talk):  # noqa: F811
    one = talk(GROW)
    for word in ("box", "cat", "dog", "elk"):
        one.say(long(word, 134))
    assert "2,048 tokens from the next prompt on" in one.shown("context size 2,048")
    one.say("Go on")
    assert one.bodies[-1]["options"]["num_ctx"] == 2048
    one.command("context size auto")
    one.say("Go on")
    assert one.bodies[-1]["options"]["num_ctx"] >= 2048
    one.server.loaded.clear()
    one.say("Go on")
    assert one.bodies[-1]["options"]["num_ctx"] == 4096


def test_auto_beats_what_a_file_says_of_one_model(talk):  # noqa: F811
    one = talk(f"models: {{'{MODEL}': {{options: {{numCtx: 512}}}}}}\n")
    one.say("Hello")
    one.server.loaded.clear()
    one.command("context size auto")
    one.say("Hello")
    assert [body["options"]["num_ctx"] for body in one.bodies] == [512, 4096]


def test_before_any_prompt_its_cost_is_shown(talk):  # noqa: F811
    one = talk("chat: {systemPrompt: Be brief and kind.}", calling(0), (teller(1),), TOOLS)
    document = json.loads(one.shown("context --json"))
    assert [part["name"] for part in document["parts"]] == ["system prompt", "tools"]
    assert document["drafted"]
    assert document["read"] is None
    shown = one.shown("context")
    assert shown.startswith("[S")
    assert "The next prompt brings along about" in shown
    assert one.bodies == []


def test_json_output_has_the_notices(talk):  # noqa: F811
    one = talk(SMALL)
    for word in ("box", "cat", "dog"):
        one.say(long(word, 134))
    document = once(one, long("far", 60), "json")
    codes = [notice["code"] for notice in document["notices"]]
    assert codes.count("context-compacted") == 1
    assert codes == list(dict.fromkeys(codes))


def once(one, prompt, output):
    from ollm_plugins.oneshot.answer import answer

    before = len(one.ollm.stdout.getvalue())
    one.ollm.app.out.fresh()
    answer(FrontendContext(one.ollm.app, prompt, output, given=one.conversation))
    text = one.ollm.stdout.getvalue()[before:]
    return json.loads(text) if output == "json" else text


def test_a_full_context_is_not_called_a_token_limit(talk):  # noqa: F811
    recorded = load("chat_overflow_while_answering_no_shift")
    one = talk("options: {numCtx: 256}", lambda request: recorded)
    once(one, long("box", 40), "text")
    assert one.said.count("has filled the context of 256 tokens") == 1
    assert "token limit" not in one.said


def test_a_token_limit_is_still_called_one(talk):  # noqa: F811
    recorded = load("chat_overflow_while_answering_no_shift")
    one = talk("options: {numCtx: 2048}", lambda request: recorded)
    once(one, long("box", 40), "text")
    assert "ended at the token limit" in one.said
    assert "has filled" not in one.said


def test_a_call_keeps_its_result_wherever_the_cut_is(talk):  # noqa: F811
    one = talk(SMALL, calling(1), (teller(60),), TOOLS)
    for number in range(6):
        one.say(f"Tell me {number}")
    for body in one.bodies:
        roles = [message["role"] for message in body["messages"]]
        assert all(roles[at - 1] in ("assistant", "tool") for at, role in enumerate(roles) if role == "tool")
    assert isinstance(one.conversation.messages[1].tool_calls[0], ToolCall)


def test_a_refusal_cuts_turns_and_not_the_prompt_where_tools_are_told_in_words(talk):  # noqa: F811
    refused = []

    def refusing_once(request):
        if "You keep the notes" in request.json["messages"][0]["content"]:
            return answering(request)
        if not refused:
            refused.append(request)
            recorded = load("chat_overflow_history_truncate_false")
            return recorded.but(body=recorded.body.replace("1626", "600"))
        return spoken('{"answer": "Fine."}', 100)

    one = talk(f"{SMALL}tools: {{calls: {{fallback: true}}}}", refusing_once, (teller(5), Tools))
    call = ToolCall("1", "get_weather", {})
    one.conversation.restore(
        "kept",
        [
            Message("user", long("box", 100)),
            Message("assistant", "", tool_calls=(call,)),
            Message("tool", "Interrupted by the user.", tool_call_id="1", tool_name="get_weather"),
            Message("user", long("cat", 100)),
            Message("assistant", "Fine."),
        ],
    )
    one.say("And now?")
    assert refused
    system, *rest = one.bodies[-1]["messages"]
    assert "get_weather: Tell." in system["content"]
    assert SUMMARY in system["content"]
    assert rest == [{"role": "user", "content": "And now?"}]


def test_thousands_of_conversations_of_one_turn_take_no_memory_and_push_no_cut_out(ollm_app):
    ollm = ollm_app(Context, Limits, Tokens)
    host, cut = ollm.app.context, Cut(2, 1, SUMMARY, 900, 90)
    views = known(host.services)
    views.add(cut, TurnContext(host, "t", "scripted", "m:1b", "Hello", (), "the user's"))

    async def hold():
        for number in range(10_000):
            prompt = Message("user", f"Question {number}")
            turn = TurnContext(host, f"t{number}", "scripted", "m:1b", prompt.content, (), f"conversation {number}")
            await adjust(ChatRequest("m:1b", (prompt,)), turn)

    ollm.app.run(hold())
    gc.collect()
    assert views.sent["conversation 9999"].tokens > 0
    assert sum(type(each) is Sent for each in gc.get_objects()) <= MOST
    assert views.cuts("the user's") == (cut,)
