"""How many tokens does a text or a request have? The service behind `TokenCounter`."""

from __future__ import annotations

import asyncio
import time
from functools import cache
from typing import Final

from msgspec import Struct

from ollm.api import ChatRequest, HostContext, TokenCount, tagged
from ollm_plugins.tokens.credible import Doubt, doubt, goes_on
from ollm_plugins.tokens.exactly import Exactly
from ollm_plugins.tokens.fit import Fitted, Observation, fit
from ollm_plugins.tokens.learning import Learning
from ollm_plugins.tokens.prompt import IMAGE_TOKENS, Measure, Measured, texts

_PATIENCE: Final = 1.0
"""Seconds that a provider may take to count; then the estimate must do."""


class _Answered(Struct, frozen=True):
    """A request whose length its server reported.

    :param exact: length of its texts by the model's own tokenizer; None where it was not asked
    """

    request: ChatRequest
    measured: Measured
    tokens: int
    exact: int | None


class Counter:
    """Counts tokens: with the model's own tokenizer if it is in memory, else by an estimate that learns."""

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx
        self._learned = Learning(ctx.paths.home)
        self._exactly = Exactly(ctx)
        self._measure = Measure()
        self._answered: dict[str, _Answered] = {}
        self._doubts: dict[str, Doubt] = {}

    async def count(self, text: str, model: str, provider: str) -> TokenCount:
        """Count the tokens of a text."""
        exact = await self._exactly.count([text], model, provider, _PATIENCE)
        if exact is not None:
            return TokenCount(exact, exact=True)
        tokens = self._fitted(model, provider).text(self._measure.text(text))
        return TokenCount(round(tokens), error=self._error(model, provider))

    async def count_request(self, request: ChatRequest, provider: str) -> TokenCount:
        """Count the tokens of a whole prompt: messages, tools, and what the model's template puts around them.

        What the template adds is always estimated, so the whole is never called exact.
        """
        model = request.model
        exact = await self._exactly.count(texts(request), model, provider, _PATIENCE)
        tokens = self._estimate(request, self._measure.request(request), provider, exact)
        return TokenCount(round(tokens), error=self._error(model, provider))

    def accuracy(self, model: str, provider: str) -> TokenCount | None:
        """Say how well the estimate fits a model: `tokens` is the number of turns it learned from; None before any."""
        learned = self._learned.about(key_of(provider, model))
        self._tell()
        return TokenCount(learned.turns, error=learned.error) if learned is not None else None

    def learn(self, request: ChatRequest, provider: str, tokens: int) -> None:
        """Learn from the length that a server reported for a request; the file is written in another thread."""
        key, model, measured = key_of(provider, request.model), request.model, self._measure.request(request)
        exact = self._exactly.known(texts(request), model, provider)
        estimate = self._plain(measured, model, provider, exact)
        before = self._before(request, key)
        reason = doubt(request, measured, tokens, estimate, before.tokens if before else 0)
        if reason == "far" and self._is_strange(key, tokens, estimate):
            reason = None
        if reason is None:
            seen = Observation(time.time(), tokens, measured.pieces, measured.extras, exact)
            self._answered[key] = _Answered(request, measured, tokens, exact)
            self._learned.add(key, model, seen, abs(estimate - tokens) / tokens)
        self._tell()

    def settle(self) -> None:
        """Wait until all that was learned is written, or could not be."""
        self._learned.settle()
        self._tell()

    async def aclose(self) -> None:
        """Let what was learned be written."""
        if self._learned.is_writing:
            await asyncio.to_thread(self._learned.settle)
        self._tell()

    def _estimate(self, request: ChatRequest, measured: Measured, provider: str, exact: int | None) -> float:
        """Estimate a request; one that goes on from an answered one, only for what is new in it."""
        model = request.model
        before = self._before(request, key_of(provider, model))
        if before is None:
            return self._plain(measured, model, provider, exact)
        if before.exact is None or exact is None:
            more = self._plain(measured, model, provider, None) - self._plain(before.measured, model, provider, None)
        else:
            fitted = self._fitted(model, provider)
            more = exact - before.exact + fitted.template(measured.extras) - fitted.template(before.measured.extras)
        return before.tokens + max(0.0, more)

    def _before(self, request: ChatRequest, key: str) -> _Answered | None:
        before = self._answered.get(key)
        if before is None or before.request.tools != request.tools:
            return None
        return before if goes_on(request.messages, before.request.messages) else None

    def _plain(self, measured: Measured, model: str, provider: str, exact: int | None) -> float:
        """Estimate from what a request consists of alone."""
        fitted = self._fitted(model, provider)
        content = fitted.text(measured.pieces) if exact is None else exact
        return content + fitted.template(measured.extras) + measured.images * IMAGE_TOKENS

    def _fitted(self, model: str, provider: str) -> Fitted:
        learned = self._learned.about(key_of(provider, model))
        self._tell()
        return learned.fitted if learned is not None else expected(model)

    def _error(self, model: str, provider: str) -> float | None:
        learned = self._learned.about(key_of(provider, model))
        return learned.error if learned is not None else None

    def _is_strange(self, key: str, tokens: int, estimate: float) -> bool:
        """Say whether a model's tokenizer is unlike what was held true; if so, that is forgotten."""
        self._doubts[key] = self._doubts.get(key, Doubt()).of(tokens, estimate)
        factor = self._doubts[key].scale()
        if factor is None:
            return False
        del self._doubts[key]
        self._learned.restart(key, factor)
        return True

    def _tell(self) -> None:
        """Say what went wrong with the file; here, because its thread may not speak."""
        for notice in self._learned.notices():
            self._ctx.notify(notice)


def key_of(provider: str, model: str) -> str:
    """Return under which name a model is learned about; one without a tag is the latest, as servers say it."""
    return f"{provider}/{tagged(model)}"


@cache
def expected(model: str) -> Fitted:
    """Return what is held true of a model before any turn."""
    return fit(model, ())
