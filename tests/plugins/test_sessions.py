"""Is every turn kept, and can it be gone on with?"""

from __future__ import annotations

import json
import os
import sqlite3
import stat

import pytest

from ollm.api import (
    ConversationRecords,
    Finished,
    Message,
    Notice,
    ProviderError,
    Tool,
    ToolCall,
    Specs,
    TextDelta,
    ThinkingDelta,
    hookimpl,
)
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.sessions.service import sessions_of


async def look(ctx, arguments):  # noqa: ARG001  (as it is called)
    return f"seen {arguments['at']}"


class Looking(Specs):
    """A tool without risk."""

    @hookimpl
    def ollm_tools(self, ctx):  # noqa: ARG002  (the hook's signature)
        return [Tool("look", "Look.", {"type": "object"}, look, risk="none")]


def talk(ollm, *prompts, conversation=None, images=()):
    """Hold turns in one conversation, and return it; a prompt of None takes the last one back."""
    conversation = conversation or ollm.app.conversation()

    async def hold():
        for prompt in prompts:
            if prompt is None:
                conversation.take_back()
            else:
                async for _ in conversation.ask(prompt, images):
                    pass

    ollm.app.run(hold())
    return conversation


def resumed(ollm, identity):
    return sessions_of(ollm.app.context).load(identity)


def test_a_turn_is_kept_whole(ollm_app, ollm_home):
    call = ToolCall("1", "look", {"at": "ü"})
    ollm = ollm_app(Plugin, Looking, replies=[call, [ThinkingDelta("hm"), TextDelta("Done.\n"), Finished("length")]])
    kept = talk(ollm, "Look at ü\nplease", images=(b"\x89PNG image",))
    assert resumed(ollm, kept.id) == kept.messages
    document = ollm.run_command("session show last --json").json
    assert document["title"] == "Look at ü"
    assert document["folder"] == os.getcwd()
    (turn,) = document["turns"]
    assert (turn["model"], turn["provider"], turn["reason"]) == ("scripted:1b", "scripted", "length")
    assert [each["role"] for each in turn["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert turn["messages"][3]["thinking"] == "hm"
    assert [each["type"] for each in turn["events"]] == ["toolCall", "toolDecision", "toolResult"]
    assert turn["tools"][0]["call"]["arguments"] == {"at": "ü"}
    assert stat.S_IMODE((ollm_home / "sessions.db").stat().st_mode) == 0o600


def test_what_was_taken_back_is_not_gone_on_with(ollm_app):
    ollm = ollm_app(Plugin, replies=["one", "two", "three"])
    kept = talk(ollm, "First", "Second", None, "Third")
    assert resumed(ollm, kept.id) == kept.messages
    assert [each.content for each in kept.messages] == ["First", "one", "Third", "three"]
    assert "Second" not in ollm.run_command("session show last").stdout
    assert "[taken back]" in ollm.run_command("session show last --all").stdout
