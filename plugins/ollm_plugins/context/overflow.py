"""What is done when a request does not fit into its context?"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ollm.api import (
    ChatRequest,
    ContextWindow,
    ContextWindows,
    Notice,
    OllmError,
    TokenCount,
    TokenCounter,
    TurnContext,
    replace,
)
from ollm_plugins.context.settings import ContextSettings
from ollm_plugins.context.summarize import summarized
from ollm_plugins.context.turns import beginnings
from ollm_plugins.context.views import Cut, Views, with_cut

TARGET: Final = 0.6
"""Part of the room that a prompt takes after a cut: the less, the rarer the next one, which reads all of it anew."""

ANSWER: Final = 512
"""Tokens kept free for an answer that nobody has limited; at most an eighth of the context."""


class Measured(Struct, frozen=True):
    """A request and the room that it gets.

    :param scale: by what estimates are to be multiplied, once a provider has told the true length of one
    """

    request: ChatRequest
    prompt: TokenCount
    window: ContextWindow
    scale: float = 1.0

    @property
    def tokens(self) -> int:
        """Length of the prompt."""
        return round(self.prompt.tokens * self.scale)

    @property
    def room(self) -> int:
        """Tokens that a prompt may have so that an answer fits behind it."""
        wanted = self.request.options.max_tokens or ANSWER
        return self.window.size - min(wanted, ANSWER, self.window.size // 8)

    @property
    def fits(self) -> bool:
        """Whether there is room for an answer."""
        return self.tokens <= self.room


class Overflow:
    """Makes the requests of one turn fit.

    :param scale: as in `Measured`
    """

    def __init__(self, turn: TurnContext, views: Views, counter: TokenCounter, windows: ContextWindows) -> None:
        self._turn = turn
        self._views = views
        self._counter = counter
        self._windows = windows
        self._settings = turn.host.settings.section(ContextSettings)
        self.scale = 1.0

    async def measured(self, request: ChatRequest) -> Measured:
        """Measure a request."""
        prompt = await self._counter.count_request(request, self._turn.provider)
        window = await self._windows.window_of(request, self._turn.provider, prompt)
        return Measured(request, prompt, window, self.scale)

    async def fitted(self, whole: ChatRequest, now: Measured) -> Measured:
        """Return a request that fits, by the chosen policy; the user is told what was done.

        :param whole: the request with its whole conversation
        :param now: the request without what was cut off before, which does not fit
        :raises OllmError: nothing is to be left out, or what remains does not fit either
        """
        policy = self._settings.on_overflow
        if policy == "grow":
            now, whole = await self._grown(now, whole)
            if now.fits:
                return now
        if policy == "stop":
            raise self._refusal(now, "/context compact makes room, /new begins anew, /context size raises the size.")
        covers = await self._covers(whole, now)
        if covers == 0:
            raise self._refusal(now, "Shorten the prompt, or raise the context size (/context size, --num-ctx).")
        then = await self._cut(whole, now, covers, summarize=policy != "drop")
        if not then.fits:
            raise self._refusal(then, "Shorten the prompt, or raise the context size (/context size, --num-ctx).")
        return then

    async def compacted(self, whole: ChatRequest, now: Measured, keep: int) -> Measured | None:
        """Summarize all turns but the last few; None when there are no others."""
        starts = beginnings(self._turn.messages)
        covers = starts[-keep] if 0 < keep <= len(starts) else len(self._turn.messages) if keep <= 0 else 0
        if covers <= self._covered():
            return None
        return await self._cut(whole, now, covers, summarize=True)

    async def _grown(self, now: Measured, whole: ChatRequest) -> tuple[Measured, ChatRequest]:
        """Raise a context size that the user has set, as far as the model allows."""
        limit = now.window.limit
        if not now.window.chosen or limit is None or now.window.size >= limit:
            return now, whole
        size = now.window.size
        while size < limit and now.tokens > size - min(ANSWER, size // 8):
            size *= 2
        size = min(size, limit)
        options = replace(now.request.options, context_size=size)
        grown = await self.measured(replace(now.request, options=options))
        text = f"The context grows from {now.window.size:,} to {size:,} tokens, for a prompt of {now.tokens:,}."
        self._turn.host.notify(Notice("context-grown", text))
        return grown, replace(whole, options=options)

    def _covered(self) -> int:
        cuts = self._views.cuts(self._turn.conversation)
        return cuts[-1].covers if cuts else 0

    async def _covers(self, whole: ChatRequest, now: Measured) -> int:
        """Return how many messages have to go so that the rest takes no more than a part of the room.

        All that can go is what lies before the turn under way; if even that is not enough, all of it goes.
        """
        choices = [at for at in (*beginnings(self._turn.messages), len(self._turn.messages)) if at > self._covered()]
        if not choices:
            return 0
        budget = self._settings.summary_tokens if self._settings.on_overflow != "drop" else 0
        low, high = 0, len(choices) - 1
        while low < high:
            middle = (low + high) // 2
            rest = await self._counter.count_request(with_cut(whole, choices[middle], ""), self._turn.provider)
            if rest.tokens * self.scale + budget <= now.room * TARGET:
                high = middle
            else:
                low = middle + 1
        return choices[low]

    async def _cut(self, whole: ChatRequest, now: Measured, covers: int, *, summarize: bool) -> Measured:
        turns = sum(start < covers for start in beginnings(self._turn.messages))
        summary = await self._summary(now, covers) if summarize else ""
        then = await self.measured(with_cut(whole, covers, summary))
        self._views.add(self._turn.conversation, Cut(covers, turns, summary, now.tokens, then.tokens))
        done = "summarized" if summary else "left out"
        text = (
            f"The oldest {_turns(turns)} {'is' if turns == 1 else 'are'} {done}: the prompt goes from about {now.tokens:,} "
            f"to {then.tokens:,} of {then.window.size:,} tokens. The conversation keeps them; /context undo sends them again."
        )
        self._turn.host.notify(Notice("context-compacted" if summary else "context-dropped", text))
        return then

    async def _summary(self, now: Measured, covers: int) -> str:
        """Summarize what goes; empty, with a word, when the model cannot."""
        cuts = self._views.cuts(self._turn.conversation)
        earlier, done = (cuts[-1].summary, cuts[-1].covers) if cuts else ("", 0)
        going = self._turn.messages[done:covers]
        size, longest = now.window.size, min(self._settings.summary_tokens, now.window.size // 4)
        text = f"{self._turn.model} summarizes the beginning of the conversation, to make room…"
        self._turn.host.notify(Notice("context-compacting", text))
        try:
            return await summarized(self._turn, going, earlier, size, longest)
        except OllmError as error:
            self._turn.host.notify(Notice("context-no-summary", f"It could not be summarized: {error}"))
            return ""

    def _refusal(self, now: Measured, remedy: str) -> OllmError:
        about = "has" if now.prompt.exact else "has about"
        problem = (
            f"The prompt {about} {now.tokens:,} tokens with all that goes with it, the context of {now.request.model} "
            f"only {now.window.size:,}"
        )
        return OllmError(problem, remedy)


def _turns(count: int) -> str:
    return "turn" if count == 1 else f"{count} turns"
