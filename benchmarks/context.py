"""What does it cost to keep a conversation within its context?

usage: python benchmarks/context.py [MESSAGES] [TOKENS]

Holds turns in conversations of 100 and of MESSAGES messages, with and without the room (no model, nothing drawn), and
prints the time that a turn takes with either, how long the first one and a cut take, and what a token of an answer costs.
The context is so large that all fits, except for the cut.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from ollm.api import (
    ChatRequest,
    Conversation,
    Event,
    Finished,
    HostContext,
    Message,
    ModelInfo,
    ProviderEntry,
    Specs,
    TextDelta,
    Usage,
    hookimpl,
)
from ollm.testing import Harness, ScriptedProvider, make_harness
from ollm_plugins.context.plugin import Plugin as Context
from ollm_plugins.limits.plugin import Plugin as Limits
from ollm_plugins.options.plugin import Plugin as Options
from ollm_plugins.tokens.plugin import Plugin as Tokens

WORDS = 40
"""Words of a message."""


class Long(ScriptedProvider):
    """A model with a very large context, which answers with so many tokens.

    :param tokens: of an answer
    """

    def __init__(self, tokens: int) -> None:
        super().__init__(name="long", models=("long:1b",))
        self._tokens = tokens

    async def show_model(self, name: str) -> ModelInfo:
        """Tell about the model."""
        return ModelInfo(name, family="long", context_window=10**7, capabilities=("completion",))

    async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:  # noqa: ARG002  (the Protocol's signature)
        """Answer."""
        for _ in range(self._tokens):
            yield TextDelta("word ")
        yield Finished("stop", Usage(completion_tokens=self._tokens))


def harness(home: Path, tokens: int, *rooms: type, settings: str = "") -> Harness:
    """Make an app that answers with so many tokens."""
    provider = Long(tokens)

    class Answering(Specs):
        @hookimpl
        def ollm_providers(self, ctx: HostContext) -> list[ProviderEntry]:  # noqa: ARG002  (the hook's signature)
            return [ProviderEntry("long", "For a benchmark", lambda _: provider)]

    lines = f"model: {{provider: long, default: 'long:1b'}}\n{settings}"
    return make_harness(home, Answering, Limits, Tokens, Options, *rooms, settings=lines)


def filled(app: Harness, messages: int) -> Conversation:
    """Begin a conversation that has gone on for long."""
    conversation = app.app.conversation()
    roles: tuple[Any, Any] = ("user", "assistant")
    conversation.messages.extend(
        Message(roles[number % 2], f"{number} " + "some words of it " * (WORDS // 4)) for number in range(messages)
    )
    return conversation


def turn(app: Harness, conversation: Conversation, prompt: str) -> float:
    """Hold a turn and return its seconds."""

    async def hold() -> float:
        started = time.perf_counter()
        async for _ in conversation.ask(prompt):
            pass
        return time.perf_counter() - started

    return app.app.run(hold())


def turns(messages: int, *rooms: type) -> tuple[float, float]:
    """Return the milliseconds of the first turn, and of later ones."""
    with tempfile.TemporaryDirectory() as home:
        app = harness(Path(home), 1, *rooms, settings="options: {numCtx: 4000000}\n")
        conversation = filled(app, messages)
        first = turn(app, conversation, "first")
        later = statistics.median(turn(app, conversation, f"later {number}") for number in range(9))
        app.app.close()
    return first * 1e3, later * 1e3


def cut(messages: int) -> float:
    """Return the milliseconds of a turn in which the oldest turns are left out."""
    with tempfile.TemporaryDirectory() as home:
        size = messages * WORDS // 2
        settings = f"options: {{numCtx: {size}}}\ncontext: {{onOverflow: drop}}\n"
        app = harness(Path(home), 1, Context, settings=settings)
        seconds = turn(app, filled(app, messages), "go on")
        assert "left out" in app.stderr.getvalue(), "the conversation was to outgrow its context"
        app.app.close()
    return seconds * 1e3


def per_token(tokens: int) -> tuple[float, float]:
    """Return the microseconds of a token without and with the room, in a conversation that is watched."""
    costs: list[list[float]] = [[], []]
    for _ in range(5):
        for place, rooms in enumerate(((), (Context,))):
            with tempfile.TemporaryDirectory() as home:
                app = harness(Path(home), tokens, *rooms, settings="options: {numCtx: 8000}\n")
                conversation = filled(app, 100)
                costs[place].append(turn(app, conversation, "go on") / tokens)
                app.app.close()
    return statistics.median(costs[0]) * 1e6, statistics.median(costs[1]) * 1e6


def main(messages: int, tokens: int) -> None:
    """Print the figures."""
    small = {}
    for count in (100, messages):
        bare, room = turns(count), turns(count, Context)
        cost = room[1] - bare[1]
        small[count] = cost
        print(f"{count:>7,} messages: a turn {room[1]:.1f} ms with the room, {bare[1]:.1f} ms without", end="; ")
        print(f"the first {room[0]:.0f} and {bare[0]:.0f} ms; a turn with a cut {cut(count):.0f} ms")
    factor = small[messages] / max(small[100], 0.01)
    print(f"{messages / 100:.0f} times the messages cost {factor:.0f} times as much")
    bare_cost, cost = per_token(tokens)
    print(f"a token: {cost - bare_cost:.1f} µs more ({cost:.1f} µs / {bare_cost:.1f} µs)")


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]]
    main(*(numbers + [10_000, 20_000][len(numbers) :]))
