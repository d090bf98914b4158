"""What does a turn need?"""

from __future__ import annotations

from typing import Final

from ollm.api import ChoiceRequest, HostContext, OllmError
from ollm_plugins.routing.situation import Requirement

BYTES_PER_TOKEN: Final = 3.5
"""English has about 4 bytes a token, Chinese 3, code 3 to 4. The service that counts tokens needs to know the model."""
PER_MESSAGE: Final = 8
PER_IMAGE: Final = 576
"""CLIP ViT-L/14 at 336 pixels makes 24 by 24 patches; other encoders make 256 to 1,600."""
TOOLS: Final = 400
"""Tokens that the descriptions of a few tools take."""
ANSWER: Final = 1024
"""Tokens kept free for an answer that nobody has limited, as for the context window."""
LONGEST: Final = 4096
"""Tokens of answer that are reckoned with at most: limits are set for safety, and answers seldom reach them."""


def needs_of(request: ChoiceRequest, host: HostContext) -> Requirement:
    """Return what a turn needs: images that came earlier are sent again, so they need to be seen again."""
    texts = [request.prompt, *(each.content for each in request.messages)]
    images = int(request.images) + sum(len(each.images) for each in request.messages)
    tokens = sum(len(text.encode("utf-8", "replace")) for text in texts) / BYTES_PER_TOKEN
    tokens += PER_MESSAGE * len(texts) + PER_IMAGE * images + (TOOLS if request.tools else 0)
    needs = (*(("tools",) if request.tools else ()), *(("vision",) if images else ()))
    return Requirement(round(tokens), _answer(host), needs)


def _answer(host: HostContext) -> int:
    """Return the tokens of the answer: as the options say, if there are any."""
    try:
        wanted = host.settings.get("options.maxTokens")
    except OllmError:  # no plugin has this setting
        return ANSWER
    return min(wanted, LONGEST) if isinstance(wanted, int) else ANSWER
