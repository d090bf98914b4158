"""What would a prompt bring along, and what was said already?"""

from __future__ import annotations

from ollm.api import (
    FITTING,
    ChatRequest,
    HostContext,
    Notice,
    PromptPart,
    RequestAdjuster,
    Specs,
    TurnContext,
    hookimpl,
    replace,
)
from ollm.testing import MakeHarness


def limited(size: int) -> object:
    def adjust(request: ChatRequest, turn: TurnContext) -> ChatRequest:
        turn.host.notify(Notice("limited", f"It is {size} now."))
        return replace(request, options=replace(request.options, context_size=size))

    return adjust


class Parts(Specs):
    @hookimpl
    def ollm_prompt_parts(self, ctx: HostContext) -> list[PromptPart]:
        return [PromptPart("today", lambda turn: "It is Monday.")]

    @hookimpl
    def ollm_request_adjusters(self, ctx: HostContext) -> list[RequestAdjuster]:
        return [
            RequestAdjuster("fits", limited(3), order=FITTING),
            RequestAdjuster("early", limited(1), order=10),
            RequestAdjuster("late", limited(2), order=FITTING - 1),
        ]


def test_a_draft_has_all_but_a_prompt_and_is_neither_made_to_fit_nor_sent(ollm_app: MakeHarness) -> None:
    ollm = ollm_app(Parts, replies=["One."], settings="chat: {systemPrompt: Be brief.}")
    conversation = ollm.app.conversation()

    async def hold() -> None:
        async for _ in conversation.ask("First"):
            pass

    ollm.app.run(hold())
    ollm.app.out.fresh()
    said = ollm.stderr.getvalue()
    turn, request = ollm.app.run(conversation.draft())
    assert ollm.stderr.getvalue() == said
    turn.host.notify(Notice("loud", "This is said."))
    assert "This is said." in ollm.stderr.getvalue()
    assert [message.content for message in request.messages] == ["Be brief.\n\nIt is Monday.", "First", "One."]
    assert request.options.context_size == 2
    assert (turn.conversation, turn.model, len(turn.messages)) == (conversation.id, "scripted:1b", 2)
    assert len(ollm.provider.requests) == 1
    assert len(conversation.messages) == 2


def test_what_was_said_is_known_until_the_next_turn(ollm_app: MakeHarness) -> None:
    out = ollm_app().app.out
    assert not out.has_said("full")
    out.notify(Notice("full", "It is full."))
    assert out.has_said("full")
    assert not out.has_said("empty")
    out.fresh()
    assert not out.has_said("full")
