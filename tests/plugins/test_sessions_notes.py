"""Does a fork bring along what was kept with its session, as far as that fits?"""

from __future__ import annotations

import pytest

from ollm.api import ConversationRecords
from ollm_plugins.context.plugin import Plugin as Context
from ollm_plugins.context.views import Cut, known
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.sessions.service import sessions_of
from ollm_plugins.tokens.plugin import Plugin as Tokens
from tests.plugins.test_sessions import talk

ROOMS = (Plugin, Context, Limits, Tokens)
EARLY = Cut(covers=2, turns=1, summary="They said one.", before=90, after=40)
LATE = Cut(covers=4, turns=2, summary="They said one and two.", before=90, after=30)


@pytest.fixture
def forked(ollm_app):
    """Hold three turns of which two are summarized, fork the session, and go on with the fork in another program."""

    def make(arguments, *prompts):
        first = ollm_app(*ROOMS, replies=["1", "2", "3"])
        kept = talk(first, "One", "Two", "Three")
        for cut in (EARLY, LATE):
            known(first.app.services).add(cut, kept.last_turn.context)
        fork = first.run_command(f"session fork last {arguments} --json").json
        first.app.close()
        second = ollm_app(*ROOMS, replies=["a", "b", "c"])
        going_on = second.app.conversation()
        going_on.restore(fork["id"], sessions_of(second.app.context).load(fork["id"]))
        talk(second, *prompts, conversation=going_on)
        noted = second.app.services.find(ConversationRecords).noted(fork["id"], "context") or []
        return second.provider.requests, [each["covers"] for each in noted]

    return make


def test_a_fork_of_the_whole_keeps_what_is_summarized(forked):
    (request,), covers = forked("", "Four")
    assert [each.content for each in request.messages[1:]] == ["Three", "3", "Four"]
    assert LATE.summary in request.messages[0].content
    assert covers == [2, 4]


def test_a_fork_of_the_beginning_keeps_only_the_summary_of_what_it_has(forked):
    """Else the summary of turns that the fork has not would stand for its own as soon as it has as many."""
    requests, covers = forked("--at 1", "Else", "And", "More")
    for request in requests:
        assert EARLY.summary in request.messages[0].content
        assert LATE.summary not in request.messages[0].content
    assert [each.content for each in requests[-1].messages[1:]] == ["Else", "a", "And", "b", "More"]
    assert covers == [2]
