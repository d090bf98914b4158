"""Is it said that a server has read less than was sent where it names no context? By its own counts alone."""

import json

import pytest

from ollm.api import Notice
from tests.plugins.test_context import length, long, spoken, talk  # noqa: F401  (a fixture)
from tests.replay import load
from tests.replay.fixtures import remembering  # noqa: F401  (a fixture)


def nameless():
    """The recorded list of loaded models without their contexts, as Ollama before 0.10 and its imitations have it."""
    recorded = load("ps_one_loaded")
    models = [
        {name: value for name, value in each.items() if name != "context_length"}
        for each in recorded.objects[0]["models"]
    ]
    return recorded.but(body=json.dumps({"models": models}))


@pytest.fixture
def alarms(talk):  # noqa: F811
    """Hold six turns with a server that counts by a rule, and return the alarms by the number of their turn."""

    def hold(reads):
        one = talk()

        def answer(request):
            return spoken("Fine.", reads(length(request.json), len(one.bodies)))

        one.server.script = {"/api/ps": nameless(), "/api/chat": answer}
        raised = {}
        for number in range(1, 7):
            events = one.say(long("box", 1600 if number == 1 else 200))
            raised |= {number: each.text for each in events if isinstance(each, Notice) and each.code == "context-lost"}
        return raised

    return hold


def test_what_is_recorded_is_that_a_warm_server_counts_what_it_had_read_before():
    cold, warm = load("chat_stream").objects[-1], load("chat_stream_warm").objects[-1]
    assert cold["prompt_eval_count"] == warm["prompt_eval_count"] > 1
    assert cold["prompt_eval_duration"] > 10 * warm["prompt_eval_duration"]


def test_a_server_that_was_seen_to_count_all_is_believed_when_it_counts_less(alarms):
    raised = alarms(lambda whole, turn: whole if turn <= 3 else 490)
    assert list(raised) == [4, 5, 6]
    assert raised[4].startswith("The server has read only 490 of about 2,2")
    assert "it seems to give smollm2:135m a smaller context than the 4,096 that were asked for" in raised[4]


@pytest.mark.parametrize(
    "reads",
    [
        lambda whole, turn: whole,
        lambda whole, turn: 210,
        lambda whole, turn: whole if turn <= 2 else 210,
        lambda whole, turn: 490,
    ],
    ids=["all", "only what is new", "only what is new, having forgotten the rest once", "always as little"],
)
def test_no_other_counts_raise_an_alarm(alarms, reads):
    assert alarms(reads) == {}
