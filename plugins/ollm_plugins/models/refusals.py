"""What is said when none of several providers could do something?"""

from __future__ import annotations

from collections.abc import Sequence

from ollm.api import ModelNotFound, OllmError, ProviderUnreachable, UsageError


def worst(refusals: Sequence[OllmError]) -> OllmError:
    """Return one error for several.

    An absent server goes before a missing model: with the server back, the model may be there.
    """
    if not refusals:
        return UsageError("No provider is installed", "Run `ollm plugins doctor`.")
    first = next((each for each in refusals if isinstance(each, ProviderUnreachable)), refusals[0])
    if len(refusals) == 1:
        return first
    problem = "; ".join((first.problem, *(each.problem for each in refusals if each is not first)))
    for kind in (ProviderUnreachable, ModelNotFound):
        if isinstance(first, kind):
            return kind(problem, first.remedy)
    return OllmError(problem, first.remedy)
