"""How are turns summarized by the model that answers?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from ollm.api import (
    ChatRequest,
    ContextOverflow,
    Finished,
    GenerationOptions,
    Message,
    ModelKnowledge,
    Notice,
    Provider,
    ProviderAccess,
    ProviderError,
    TextDelta,
    ThinkingDelta,
    TokenCounter,
    TurnContext,
    replace,
)

TASK: Final = (
    "You keep the notes of a conversation between a user and an assistant, so that it can go on without its beginning. "
    "Write down, in short sentences: what the user wants, what was decided and found out, names, numbers, paths and code "
    "that may be needed again, and what is still open. Do not answer anything, do not greet, do not comment."
)
_LONGEST: Final = 4000
"""Characters of one message that are summarized; of a longer one, its beginning and its end."""

_LETTERS: Final = 3.0
"""Characters that a token has at least, on average, in texts of European languages; in others, it is measured."""

_AROUND: Final = 200
"""Tokens of the task, of the words around what is summarized, and of the model's template."""

_LEAST: Final = 150
"""Characters at a time below which there is no point in summarizing."""

_PIECES: Final = 12
"""Pieces that are summarized at most, one after the other: each takes as long as an answer."""

_WORDS: Final = 8
"""Letters and digits that a summary has at least."""

_THOUGHTS: Final = 4
"""How many times as long an answer may be when the model has only thought."""

_WHO: Final = {"user": "User", "assistant": "Assistant", "tool": "Tool result"}
_THOUGHT: Final = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)


class Summarizer(Struct, frozen=True):
    """Lets the model of a turn summarize.

    :param options: those of the turn's request: others might make a server load the model anew
    :param size: of the context that the model gets, in tokens
    :param longest: how long the summary may be, in tokens
    """

    turn: TurnContext
    counter: TokenCounter
    options: GenerationOptions
    size: int
    longest: int

    async def summarized(self, messages: Sequence[Message], earlier: str) -> str:
        """Return a summary of messages.

        :param earlier: a summary of what came before them; empty for none
        :raises OllmError: the model says nothing of use, there is no room, or its provider fails
        """
        room = await self._room(messages)
        while room >= _LEAST:
            try:
                return await self._in_pieces(messages, earlier, room)
            except ContextOverflow:  # the provider counts more than was estimated
                room //= 2
        raise ProviderError(f"a context of {self.size:,} tokens has no room for it")

    async def _room(self, messages: Sequence[Message]) -> int:
        """Return how many characters can be summarized at a time."""
        sample = "\n".join(_text(message)[:500] for message in messages[:20])
        tokens = (await self.counter.count(sample, self.turn.model, self.turn.provider)).tokens
        letters = min(_LETTERS, 0.8 * len(sample) / max(tokens, 1))
        return int((self.size - 2 * self.longest - _AROUND) * letters)

    async def _in_pieces(self, messages: Sequence[Message], earlier: str, room: int) -> str:
        made = list(pieces(messages, room))
        if len(made) > _PIECES:
            text = f"So much is left out that only the last {_PIECES} of its {len(made)} parts are summarized."
            self.turn.host.notify(Notice("context-summary-partial", text))
            made, earlier = made[-_PIECES:], ""
        parts = f", in {len(made)} parts" if len(made) > 1 else ""
        text = f"{self.turn.model} summarizes the beginning of the conversation{parts}, to make room…"
        self.turn.host.notify(Notice("context-compacting", text))
        summary = earlier
        for piece in made:
            summary = await self._asked(_prompt(summary, piece))
        return summary

    async def _asked(self, prompt: str) -> str:
        """Let the model write; once more, and longer, if it has only thought.

        :raises OllmError: it says nothing of use, or its provider fails
        """
        text, thought = await self._answer(prompt, self.longest)
        if not text and thought:
            text, _ = await self._answer(prompt, min(_THOUGHTS * self.longest, self.size // 2))
        if sum(map(str.isalnum, text)) < _WORDS:
            raise ProviderError(f"{self.turn.model} wrote no summary")
        return shortened(text, 8 * self.longest)

    async def _answer(self, prompt: str, longest: int) -> tuple[str, bool]:
        """Return what the model writes, and whether it has thought."""
        turn = self.turn
        access = turn.host.services.find(ProviderAccess)
        assert access is not None, "the kernel provides it"
        options = replace(
            self.options,
            temperature=0.0,
            max_tokens=longest,
            context_size=self.size,
            stop=(),
            think=await self._thinking(),
        )
        request = ChatRequest(turn.model, (Message("system", TASK), Message("user", prompt)), options=options)
        return await access.ask(access.entry(turn.provider), lambda provider: _collected(provider, request))

    async def _thinking(self) -> bool | str | None:
        """Return how hard the model is to think about it: not at all, if it can help it."""
        if isinstance(self.options.think, str):
            return "low"
        knowledge = self.turn.host.services.find(ModelKnowledge)
        if knowledge is None:
            return None
        limits = await knowledge.limits_of(self.turn.model, self.turn.provider)
        return False if limits.capabilities.thinking else None


async def _collected(provider: Provider, request: ChatRequest) -> tuple[str, bool]:
    """Return what a model writes, and whether it has thought.

    :raises ProviderUnreachable: its answer was cut, and nobody is there any more
    :raises ProviderError: its answer was cut
    """
    text: list[str] = []
    thought, reason = False, "cut"
    async for event in provider.chat(request):
        if isinstance(event, TextDelta):
            text.append(event.text)
        elif isinstance(event, Finished):
            reason = event.reason
        thought = thought or isinstance(event, ThinkingDelta)
    if reason == "cut":
        await provider.check()
        raise ProviderError("the answer was cut")
    whole = "".join(text)
    plain = _THOUGHT.sub("", whole).strip()
    return plain, thought or len(plain) < len(whole.strip())


def pieces(messages: Sequence[Message], room: int) -> Iterator[str]:
    """Yield the messages as text, in pieces of so many characters at most: the fewer, the sooner it is done."""
    whole = "".join(
        f"{_WHO.get(message.role, message.role)}: {shortened(_text(message), _LONGEST)}\n\n" for message in messages
    )
    begin = 0
    while begin < len(whole):
        end = begin + room
        if end < len(whole):
            earliest = begin + 4 * room // 5
            gaps = whole.rfind("\n\n", earliest, end), whole.rfind(" ", earliest, end)
            end = next((gap + 1 for gap in gaps if gap > 0), end)
        yield whole[begin:end]
        begin = end


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning and its end."""
    if len(text) <= longest:
        return text
    half = (longest - 7) // 2
    return f"{text[:half]} […] {text[-half:]}"


def _text(message: Message) -> str:
    calls = " ".join(f"[calls {call.name} {dict(call.arguments)}]" for call in message.tool_calls)
    images = f"[{len(message.images)} images]" if message.images else ""
    return " ".join(part for part in (message.content.strip(), calls, images) if part)


def _prompt(earlier: str, piece: str) -> str:
    before = f"Your notes so far:\n{earlier}\n\n" if earlier else ""
    return f"{before}The conversation goes on:\n\n{piece}\nWrite the notes anew, complete, with what is new."
