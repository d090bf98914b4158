"""How large a context does a request get?

Another size makes a server load the model anew, which takes seconds. So sizes double, and one that is allocated
already stays as long as it is enough.
"""

from __future__ import annotations

from ollm.api import ChatRequest, KnownLimits, TokenCount

LEAST = 4096
"""Tokens that are asked for at least: what Ollama itself takes where it has little memory."""

ANSWER = 1024
"""Tokens kept free for an answer that nobody has limited."""

DOUBT = 0.1
"""Part by which an estimate of tokens may be too small before it has learned from any turn."""


def needed_by(request: ChatRequest, prompt: TokenCount) -> int:
    """Return how many tokens a prompt and its answer take, what may be wrong with an estimate included."""
    return upper(prompt) + (request.options.max_tokens or ANSWER)


def upper(prompt: TokenCount) -> int:
    """Return how many tokens a prompt may have: the estimate and twice its usual error."""
    if prompt.exact:
        return prompt.tokens
    return round(prompt.tokens * (1 + (DOUBT if prompt.error is None else 2 * prompt.error)))


def window(needed: int, limit: int, allocated: int | None) -> int:
    """Return the context size to ask for, in tokens.

    :param limit: what the model can take
    :param allocated: the size with which the model is in memory now; None when it is not
    """
    if allocated is not None and needed <= allocated <= limit:
        return allocated
    size = LEAST
    while size < needed:
        size *= 2
    return min(size, limit)


def answer_limit(wanted: int | None, limits: KnownLimits, size: int, prompt: TokenCount) -> int | None:
    """Return how long an answer may be, in tokens, so that it fits behind its prompt; None: nobody limits it.

    :param wanted: what the user has asked for
    :param size: of the context
    """
    if wanted is None:
        return None
    room = max(size - prompt.tokens, 1)
    return min(wanted, room, limits.max_output_tokens or wanted)
