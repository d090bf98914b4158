"""Which models are fluent in this repository's language?"""

from __future__ import annotations

from collections.abc import Mapping

from ollm.api import RankContext
from ollm_fluent.counts import read
from ollm_fluent.languages import of_folder


def rank(ctx: RankContext) -> Mapping[str, float]:
    """Return how often each candidate has answered in the language."""
    language = of_folder(ctx.host.workspace)
    counts = read(ctx.host) if language else {}
    return {key: float(counts.get(key, {}).get(language or "", 0)) for key in ctx.candidates}
