"""What does the model's own tokenizer say, if asking it costs nothing?

Counting may load a model, which nobody wants as a side effect of an estimate: a provider that holds models in memory is
asked only about those that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from ollm.api import (
    CountsTokens,
    HostContext,
    LoadsModels,
    OllmError,
    Owned,
    Provider,
    ProviderAccess,
    ProviderEntry,
    same_model,
)

_MOST: Final = 4_000
"""How many texts' counts are remembered."""


class Exactly:
    """Counts with the model's own tokenizer, each text once."""

    def __init__(self, ctx: HostContext) -> None:
        self._ctx = ctx
        self._counts: dict[tuple[str, str, str], int] = {}

    def known(self, texts: Sequence[str], model: str, provider: str) -> int | None:
        """Return how many tokens texts have; None unless each was counted before."""
        found = [self._counts.get((provider, model, text)) for text in texts]
        counts = [count for count in found if count is not None]
        return sum(counts) if counts and len(counts) == len(found) else None

    async def count(self, texts: Sequence[str], model: str, provider: str, patience: float) -> int | None:
        """Count the tokens of texts; None when the provider cannot, or not without loading the model.

        :param patience: seconds that each question to the provider may take
        """
        known = self.known(texts, model, provider)
        if known is not None:
            return known
        access = self._ctx.services.find(ProviderAccess)
        if access is None:
            return None
        try:
            return await self._asked(access, texts, model, provider, patience)
        except OllmError:  # an estimate does as well, and `exact` says that it is one
            return None

    async def _asked(
        self, access: ProviderAccess, texts: Sequence[str], model: str, provider: str, patience: float
    ) -> int | None:
        entry = access.entry(provider)
        if not isinstance(access.make(entry), CountsTokens) or not await _is_free(access, entry, model, patience):
            return None
        if len(self._counts) > _MOST:
            self._counts.clear()
        for text in texts:
            if (provider, model, text) not in self._counts:
                question = partial(_counted, model=model, text=text)
                self._counts[provider, model, text] = await access.ask(entry, question, patience)
        return self.known(texts, model, provider)


async def _counted(provider: Provider, model: str, text: str) -> int:
    assert isinstance(provider, CountsTokens), "it was looked at before"
    return await provider.count_tokens(model, text)


async def _is_free(access: ProviderAccess, entry: Owned[ProviderEntry], model: str, patience: float) -> bool:
    """Say whether counting loads nothing."""
    provider = access.make(entry)
    if not isinstance(provider, LoadsModels):
        return True
    loaded = await access.ask(entry, lambda _: provider.loaded_models(), patience)
    return any(same_model(each.name, model) for each in loaded)
