"""Is nothing of what was said written anywhere where the user wants none of it kept?"""

from __future__ import annotations

import pytest

from ollm.api import Specs, Tool, ToolCall, hookimpl
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.sessions.plugin import Plugin
from ollm_plugins.tools.plugin import Plugin as Tools
from tests.helpers.program import ollm  # noqa: F401  (a fixture)
from tests.replay import RememberingServer, entry

WORD = "Zanzibar"
"""What nothing else holds."""


async def look(ctx, arguments):  # noqa: ARG001  (as it is called)
    return f"{WORD}\n" * 20_000


class Looking(Specs):
    """A tool without risk that returns more than a model gets."""

    @hookimpl
    def ollm_tools(self, ctx):  # noqa: ARG002  (the hook's signature)
        return [Tool("look", "Look.", {"type": "object"}, look, risk="none")]


def holding(home):
    """The files that hold the word."""
    return sorted(each.name for each in home.rglob("*") if each.is_file() and WORD.encode() in each.read_bytes())


@pytest.mark.parametrize(("save", "files"), [(True, 2), (False, 0)])
def test_what_a_tool_returned_is_kept_only_with_the_conversation(ollm_app, ollm_home, save, files):
    made = ollm_app(
        Plugin,
        Tools,
        Limits,
        Looking,
        replies=[ToolCall("1", "look", {}), "done"],
        environ={"OLLM_SESSIONS_SAVE": str(save).lower()},
    )
    made.ask("Look!")
    made.app.close()
    assert len(holding(ollm_home)) == files
    lost = "look returned more than the model gets; the rest is lost, since nothing of this run is kept."
    assert made.stderr.getvalue().count(lost) == (0 if save else 1)
    read = made.provider.requests[-1].messages[-1].content
    assert ("the rest is lost" in read) is not save


@pytest.mark.parametrize(("save", "files"), [("true", ["comparisons.db"]), ("false", [])])
def test_a_comparison_is_kept_only_where_conversations_are(ollm, monkeypatch, save, files):  # noqa: F811
    with RememberingServer(listed=[entry("one:1b"), entry("two:1b")], load_ms=0) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.url)
        monkeypatch.setenv("OLLM_SESSIONS_SAVE", save)
        done = ollm("compare", WORD, "one:1b", "two:1b", "--json")
    assert (done.code, done.json["id"] is None) == (0, save == "false")
    assert [each for each in holding(ollm.home) if not each.endswith(("-wal", "-shm"))] == files
