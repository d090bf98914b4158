"""What is done when a request does not fit into its context?"""

from __future__ import annotations

from typing import Final

from ollm.api import (
    ChatRequest,
    Notice,
    OllmError,
    ProviderUnreachable,
    UsageError,
    replace,
)
from ollm_plugins.context.grow import grown
from ollm_plugins.context.measure import Largest, Measured, Scales
from ollm_plugins.context.results import LEAST, longest_of, with_results
from ollm_plugins.context.settings import ContextSettings
from ollm_plugins.context.summarize import Summarizer
from ollm_plugins.context.turns import beginnings, head_of
from ollm_plugins.context.views import Cut, Views, with_cut

TARGET: Final = 0.6
"""Part of the room that a prompt takes after a cut: the less, the rarer the next one, which reads all of it anew."""

_STOPPED: Final = "/context compact makes room, /new begins anew, /context size or --num-ctx raises the size."

_REMEDIES: Final[dict[Largest, str]] = {
    "prompt": "Shorten the prompt",
    "images": "Leave images out",
    "system prompt": "Shorten the system prompt (/context shows of what it consists)",
    "tools": "Offer fewer tools (/context shows what they take)",
}


class Overflow:
    """Makes the requests of one turn fit."""

    def __init__(self, scales: Scales, views: Views) -> None:
        self._scales = scales
        self._turn = scales.turn
        self._views = views
        self._settings = scales.turn.host.settings.section(ContextSettings)
        self.measured = scales.measured

    async def fitted(self, whole: ChatRequest, now: Measured) -> Measured:
        """Return a request that fits, by the chosen policy; the user is told what was done.

        Nothing is done, and nothing remembered, if it would not fit then either.

        :param whole: the request with its whole conversation
        :param now: the request without what was cut off before, which does not fit
        :raises OllmError: nothing is to be left out, or what remains does not fit either
        """
        policy = self._settings.on_overflow
        if policy == "grow":
            options = await grown(self._turn, now)
            now, whole = await self.measured(replace(now.request, options=options)), replace(whole, options=options)
            self._views.grown[self._turn.conversation] = now.window.size
            if now.fits:
                return now
        if policy == "stop":
            raise self._refusal(now, _STOPPED)
        least = await self.measured(with_cut(whole, len(self._turn.messages), ""))
        if not least.fits:
            whole = await self._with_short_results(whole, least)
            now = await self.measured(self._views.applied(whole, self._turn))
            if now.fits:
                return now
        covers = await self._covers(whole, now)
        if covers == 0 and not self._cuts_summary:
            raise await self._never(now)
        return await self._cut(whole, now, covers or self._covered(), summarize=covers > 0 and policy != "drop")

    async def compacted(self, whole: ChatRequest, now: Measured, keep: int) -> Measured | None:
        """Summarize all turns but the last few; None when there are no others.

        :raises OllmError: they cannot be summarized, or the summary is no shorter; nothing has changed then
        """
        starts = beginnings(self._turn.messages)
        covers = starts[-keep] if 0 < keep <= len(starts) else len(self._turn.messages) if keep <= 0 else 0
        if covers <= self._covered():
            return None
        summary = await self._summary(now, covers)
        then = await self.measured(with_cut(whole, covers, summary))
        if then.tokens >= now.tokens:
            raise UsageError("The summary would be as long as what it stands for", "Nothing was changed.")
        self._keep(now, then, covers, summary)
        return then

    def _covered(self) -> int:
        cuts = self._views.cuts(self._turn.conversation)
        return cuts[-1].covers if cuts else 0

    @property
    def _cuts_summary(self) -> str:
        cuts = self._views.cuts(self._turn.conversation)
        return cuts[-1].summary if cuts else ""

    async def _with_short_results(self, whole: ChatRequest, least: Measured) -> ChatRequest:
        """Return a request of which the tool results of this turn are so short that it fits.

        :param least: it, without all that came before this turn
        :raises OllmError: it never fits
        """
        own = head_of(whole.messages) + len(self._turn.messages)
        most = longest_of(whole, own)
        while most > LEAST:
            most = max(most // 2, LEAST)
            short = with_results(whole, own, most)
            if await self._scales.length(with_cut(short, len(self._turn.messages), "")) <= least.room:
                text = (
                    f"The results of the tools are too long for a context of {least.window.size:,} tokens: of each, "
                    f"the model gets {most:,} characters, from its beginning and its end."
                )
                self._turn.host.notify(Notice("context-results", text))
                return short
        raise await self._never(least)

    async def _covers(self, whole: ChatRequest, now: Measured) -> int:
        """Return how many messages have to go so that the rest takes no more than a part of the room.

        All that can go is what lies before the turn under way; if even that is not enough, all of it goes.
        """
        choices = [at for at in (*beginnings(self._turn.messages), len(self._turn.messages)) if at > self._covered()]
        if not choices:
            return 0
        budget = self._longest(now) if self._settings.on_overflow != "drop" else 0
        low, high = 0, len(choices) - 1
        while low < high:
            middle = (low + high) // 2
            if await self._scales.length(with_cut(whole, choices[middle], "")) + budget <= now.room * TARGET:
                high = middle
            else:
                low = middle + 1
        return choices[low]

    async def _cut(self, whole: ChatRequest, now: Measured, covers: int, *, summarize: bool) -> Measured:
        summary = await self._summary_if_any(now, covers) if summarize else ""
        then = await self.measured(with_cut(whole, covers, summary))
        if summary and not then.fits:
            text = f"The summary has no room beside the rest, which takes {now.window.size:,} tokens nearly alone."
            self._turn.host.notify(Notice("context-no-summary", text))
            summary, then = "", await self.measured(with_cut(whole, covers, ""))
        if not then.fits:
            raise await self._never(then)
        self._keep(now, then, covers, summary)
        return then

    def _keep(self, now: Measured, then: Measured, covers: int, summary: str) -> None:
        """Remember a cut, and say it."""
        turns = sum(start < covers for start in beginnings(self._turn.messages))
        self._views.add(Cut(covers, turns, summary, now.tokens, then.tokens), self._turn)
        done = "summarized" if summary else "left out"
        text = (
            f"The oldest {_turns(turns)} {'is' if turns == 1 else 'are'} {done}: the prompt goes from about {now.tokens:,} "
            f"to {then.tokens:,} of {then.window.size:,} tokens. The conversation keeps them; /context undo sends them again."
        )
        self._turn.host.notify(Notice("context-compacted" if summary else "context-dropped", text))

    async def _summary_if_any(self, now: Measured, covers: int) -> str:
        """Summarize what goes; empty, with a word, when the model cannot.

        :raises ProviderUnreachable: the server is gone, so there will be no answer either
        """
        try:
            return await self._summary(now, covers)
        except ProviderUnreachable:
            raise
        except OllmError as error:
            self._turn.host.notify(Notice("context-no-summary", f"It could not be summarized: {error}"))
            return ""

    async def _summary(self, now: Measured, covers: int) -> str:
        """:raises OllmError: the model cannot summarize"""
        cuts = self._views.proven(self._turn)
        earlier, done = (cuts[-1].summary, cuts[-1].covers) if cuts else ("", 0)
        options, size = now.request.options, now.window.size
        summarizer = Summarizer(self._turn, self._scales.counter, options, size, self._longest(now))
        return await summarizer.summarized(self._turn.messages[done:covers], earlier)

    def _longest(self, now: Measured) -> int:
        """Return how long a summary may be, in tokens."""
        return min(self._settings.summary_tokens, now.window.size // 8)

    async def _never(self, now: Measured) -> OllmError:
        """Refuse a request that does not fit although it holds nothing of earlier turns."""
        remedy = _REMEDIES[await self._scales.largest(now.request)]
        return self._refusal(now, f"{remedy}, or raise the context size (/context size, --num-ctx).")

    def _refusal(self, now: Measured, remedy: str) -> OllmError:
        about = "has" if now.prompt.exact else "has about"
        problem = (
            f"The prompt {about} {now.tokens:,} tokens with all that goes with it, the context of {now.request.model} "
            f"only {now.window.size:,}"
        )
        if now.tokens <= now.window.size:
            problem += f", of which {now.window.size - now.room:,} are kept for the answer"
        return OllmError(problem, remedy)


def _turns(count: int) -> str:
    return "turn" if count == 1 else f"{count} turns"
