"""What comes of a conversation whose summary fails, is empty, or takes long? Against a server that counts."""

import asyncio
import json
import threading

import pytest
from ollm_plugins.context.plugin import Plugin as Context
from ollm_plugins.context.summarize import TASK
from ollm_plugins.context.views import known
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.tokens.plugin import Plugin as Tokens

from ollm.api import OllmError, ProviderUnreachable, TextDelta
from tests.plugins.test_context import SMALL, SUMMARY, Talk, answering, long, spoken, talk  # noqa: F401  (a fixture)
from tests.replay import load
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)


DROP = "context: {onOverflow: drop}\n"
ON = f"Go on {long('far', 60)}"


def is_summary(request):
    return request.json["messages"][0]["content"] == TASK


def summarizing(answer):
    """Answer requests for a summary with something, or with what a function of the request returns."""

    def rule(request):
        if not is_summary(request):
            return answering(request)
        return answer(request) if callable(answer) else answer

    return rule


def three(one):
    """Fill a context of 512 tokens."""
    for word in ("box", "cat", "dog"):
        one.say(long(word, 134))
    return one


def asked_for(one):
    return [body for body in one.bodies if body["messages"][0]["content"] == TASK]


@pytest.mark.parametrize("text", ["", "   \n", "...", "<think>The user wants a box, and a cat.</think>", "<think>So"])
def test_no_summary_of_use_becomes_a_cut_that_is_said(talk, text):  # noqa: F811
    one = three(talk(SMALL, summarizing(lambda request: spoken(text, 100))))
    one.say(ON)
    assert "smollm2:135m wrote no summary" in one.said
    assert "left out: the prompt goes from about" in one.said
    assert one.cuts[0].summary == ""


def test_thoughts_in_the_text_are_no_part_of_the_summary(talk):  # noqa: F811
    one = three(talk(SMALL, summarizing(lambda request: spoken(f"<think>Hm.</think>\n{SUMMARY}", 100))))
    one.say(ON)
    assert one.cuts[0].summary == SUMMARY


def thinking_only(request):
    """Only a long answer of a thinking model reaches beyond its thoughts."""
    if request.json["options"]["num_predict"] > 100:
        return spoken(SUMMARY, 100)
    recorded = spoken("", 100)
    first, *rest = recorded.objects
    first["message"] = {"role": "assistant", "content": "", "thinking": "Hm, what was it?"}
    return recorded.but(lines=tuple(json.dumps(each) + "\n" for each in (first, *rest)))


def test_a_model_that_only_thinks_gets_room_for_more_once(talk):  # noqa: F811
    one = three(talk(SMALL, summarizing(thinking_only), able=("completion", "thinking")))
    one.say(ON)
    assert one.cuts[0].summary == SUMMARY
    assert {body["think"] for body in asked_for(one)} == {False}
    assert {body["options"]["num_predict"] for body in asked_for(one)} == {64, 256}


def test_a_summary_that_is_longer_than_asked_does_not_overflow(talk):  # noqa: F811
    one = three(talk(SMALL, summarizing(lambda request: spoken(long("much", 3000), 100))))
    assert one.say(ON)[-1].reason == "stop"
    assert len(one.cuts[0].summary) <= 8 * 64


def test_a_summary_that_is_no_shorter_than_what_it_stands_for_is_not_taken_by_command(talk):  # noqa: F811
    one = talk("", summarizing(lambda request: spoken(long("much", 300), 100)))
    one.say("One")
    one.say("Two")
    with pytest.raises(OllmError, match="as long as what it stands for"):
        one.command("context compact")
    assert one.cuts == ()


@pytest.mark.parametrize("text", ["", load("chat_options_bad_type")])
def test_a_command_whose_summary_fails_changes_nothing(talk, text):  # noqa: F811
    one = three(talk("", summarizing(lambda request: spoken("", 10) if text == "" else text)))
    with pytest.raises(OllmError):
        one.command("context compact")
    assert one.cuts == ()
    one.say(ON)
    assert len(one.bodies[-1]["messages"]) == 7


def test_a_server_that_goes_away_while_summarizing_changes_nothing(talk):  # noqa: F811
    one = three(talk(SMALL))
    one.server.close()
    with pytest.raises(ProviderUnreachable):
        one.say(ON)
    assert one.cuts == ()
    assert len(one.conversation.messages) == 6


def test_a_server_that_goes_away_in_the_middle_of_a_summary_changes_nothing(ollm_app):
    replies = ["Fine.", "Fine.", "Fine.", (TextDelta("The user counts boxes and"),), "Fine."]
    ollm = ollm_app(Options, Limits, Tokens, Context, settings=SMALL, replies=replies)
    one = Talk(ollm, None)
    three(one)

    async def gone():
        raise ProviderUnreachable("Nobody is there", "Start it.")

    ollm.provider.check = gone
    with pytest.raises(ProviderUnreachable):
        one.say(ON)
    assert one.cuts == ()
    assert len(one.conversation.messages) == 6


def test_what_was_left_out_for_an_answer_that_never_came_is_sent_again(talk):  # noqa: F811
    failing = load("chat_missing_model").but(status=500, body='{"error": "out of memory"}')
    broken = []
    one = three(talk(SMALL, lambda request: failing if broken else answering(request)))
    broken.append(True)
    with pytest.raises(OllmError, match="out of memory"):
        one.say(ON)
    assert "could not be summarized" in one.said
    assert "is sent again with the next prompt" in one.said
    assert one.cuts == ()
    broken.clear()
    one.say(ON)
    assert one.cuts[-1].summary == SUMMARY


def test_two_conversations_wait_for_their_own_answers(talk):  # noqa: F811
    """Each has left out turns before either is answered; both fail."""
    failing, broken = load("chat_missing_model").but(status=500, body='{"error": "out of memory"}'), []
    one = three(talk(f"{SMALL}{DROP}", lambda request: failing if broken else answering(request)))
    views, first = known(one.ollm.app.context.services), one.conversation
    one.conversation = second = one.ollm.app.conversation()
    three(one)
    broken.append(True)

    async def both():
        asked = [aiter(first.ask(ON)), aiter(second.ask(f"{ON} too"))]
        await asyncio.gather(*map(anext, asked), return_exceptions=True)

    one.ollm.app.run(both())
    assert (views.cuts(first.id), views.cuts(second.id)) == ((), ())
    assert one.said.count("are left out") == 2


def test_a_prompt_that_is_given_up_before_anything_came_leaves_nothing_out(talk):  # noqa: F811
    free = threading.Event()
    free.set()

    def holding(request):
        free.wait(30)
        return answering(request)

    one = three(talk(f"{SMALL}{DROP}", holding))
    free.clear()

    async def given_up():
        asking = asyncio.ensure_future(anext(aiter(one.conversation.ask(ON))))
        while "are left out" not in one.said:
            await asyncio.sleep(0.01)
        assert len(one.cuts) == 1
        asking.cancel()
        await asyncio.wait((asking,))

    one.ollm.app.run(given_up())
    free.set()
    assert one.cuts == ()
    assert "is sent again with the next prompt" in one.said


def test_what_was_left_out_in_vain_is_part_of_the_summary_that_follows(talk):  # noqa: F811
    """The first summary fails and what is left is refused; of the second one nothing may be missing."""
    refused, asked = load("chat_overflow_history_truncate_false"), []

    def rule(request):
        asked.append(request)
        if len(asked) == 1:
            return load("chat_options_bad_type")
        return refused.but(body=refused.body.replace("1626", "600")) if len(asked) == 2 else answering(request)

    one = talk(SMALL, lambda request: rule(request) if filled else answering(request))
    filled = []
    for word in ("box", "cat", "dog", "elk", "fox", "gnu"):
        one.say(long(word, 60))
    filled.append(True)
    one.say(ON)
    said = " ".join(request.json["messages"][1]["content"] for request in asked[2:] if is_summary(request))
    assert not is_summary(asked[1])
    assert [word for word in ("box", "cat", "dog", "elk") if said.count(word) < 60] == []
    assert [cut.summary for cut in one.cuts] == [SUMMARY], "undoing it sends all again"


def test_what_was_left_out_in_vain_is_sent_again(talk):  # noqa: F811
    recorded, broken = load("chat_overflow_history_truncate_false"), []
    one = three(
        talk(f"{SMALL}context: {{onOverflow: drop}}", lambda request: recorded if broken else answering(request))
    )
    broken.append(True)
    with pytest.raises(OllmError):
        one.say(ON)
    assert "are left out" in one.said
    assert "is sent again with the next prompt" in one.said
    assert one.cuts == ()


def test_what_was_left_out_twice_in_vain_is_sent_again_whole(talk):  # noqa: F811
    refused = load("chat_overflow_history_truncate_false")
    refused = refused.but(body=refused.body.replace("1626", "600"))
    failing, broken = load("chat_missing_model").but(status=500, body='{"error": "out of memory"}'), []
    answers = [failing, refused]
    one = three(
        talk(f"{SMALL}context: {{onOverflow: drop}}", lambda request: answers.pop() if broken else answering(request))
    )
    broken.append(True)
    with pytest.raises(OllmError, match="out of memory"):
        one.say(ON)
    assert one.said.count("are left out") == 2
    assert one.cuts == ()


def test_a_summary_whose_stream_breaks_off_is_none(talk):  # noqa: F811
    one = three(talk(SMALL, summarizing(spoken(SUMMARY, 100).first(1))))
    one.say(ON)
    assert "It could not be summarized" in one.said
    assert one.cuts[0].summary == ""


def test_a_context_too_small_for_a_summary_is_said(talk):  # noqa: F811
    one = talk("options: {numCtx: 200, maxTokens: 20}")
    one.say(long("box", 80))
    one.say(long("cat", 80))
    one.say(long("dog", 80))
    assert "a context of 200 tokens has no room for it" in one.said
    assert not asked_for(one)


def test_the_model_is_not_loaded_anew_for_a_summary(talk):  # noqa: F811
    one = three(talk("options: {numCtx: 512, extra: {num_gpu: 0}}"))
    one.say(ON)
    assert {(body["options"]["num_ctx"], body["options"]["num_gpu"]) for body in one.bodies} == {(512, 0)}
    assert len(one.server.loads) == 1


def test_what_is_counted_as_more_by_the_server_is_summarized_in_smaller_pieces(talk):  # noqa: F811
    def rule(request):
        words = sum(len(message["content"].split()) for message in request.json["messages"])
        if is_summary(request) and words > 190:
            recorded = load("chat_overflow_history_truncate_false")
            return recorded.but(body=recorded.body.replace("1626", "600"))
        return answering(request)

    one = three(talk(SMALL, rule))
    one.say(ON)
    assert one.cuts[0].summary == SUMMARY


def test_of_a_beginning_that_is_very_long_only_the_end_is_summarized_and_that_is_said(talk):  # noqa: F811
    one = talk("options: {numCtx: 4096}")
    for number in range(14):
        one.say(long(f"word{number}", 210))
    one.command("context size 512")
    before = len(asked_for(one))
    one.say(ON)
    assert 1 < len(asked_for(one)) - before <= 12
    assert "only the last 12 of its" in one.said
    assert ", in 12 parts, to make room" in one.said


def test_undo_and_a_prompt_that_overflows_again_lose_nothing_and_do_not_loop(talk):  # noqa: F811
    one = three(talk(SMALL))
    one.say(ON)
    for number in range(3):
        assert "have no room; /context size raises it" in one.shown("context undo")
        assert one.cuts == ()
        before = len(one.bodies)
        one.say(f"And on {number}")
        assert len(one.cuts) == 1
        assert len(one.bodies) - before < 8
    assert len(one.conversation.messages) == 14
    assert one.conversation.messages[0].content == long("box", 134)
    assert one.said.count("are summarized: the prompt goes") == 4


def test_cuts_are_undone_one_after_the_other(talk):  # noqa: F811
    one = three(talk(SMALL))
    one.say(ON)
    for word in ("elk", "fox", "gnu"):
        one.say(long(word, 134))
    covers = [cut.covers for cut in one.cuts]
    assert len(covers) > 1
    assert covers == sorted(set(covers))
    for _ in covers:
        one.command("context undo")
    with pytest.raises(OllmError, match="Nothing is cut off"):
        one.command("context undo")


def test_an_undo_that_has_no_room_is_said_in_a_resumed_conversation_too(talk):  # noqa: F811
    one = three(talk(SMALL))
    one.say(ON)
    assert one.cuts
    known(one.ollm.app.context.services).sent.clear()  # as in a run that has sent nothing yet
    assert "have no room; /context size raises it" in one.shown("context undo")


def test_an_undo_works_where_nobody_could_answer(talk):  # noqa: F811
    one = three(talk(SMALL))
    one.say(ON)
    one.ollm.app.settings.set_session("model.provider", "nosuch")
    assert one.shown("context undo") == "The oldest turns are sent again with the next prompt: 3.\n"
    assert one.cuts == ()
