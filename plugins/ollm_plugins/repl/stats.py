"""What is said of a turn in figures?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ollm.api import TurnRecord


def figures(turn: TurnRecord) -> dict[str, Any]:
    """Return the figures of a turn; None where the server reports too little. Tokens are those of the last answer."""
    usage = turn.usage
    made, seconds = usage.completion_tokens, usage.completion_seconds
    return {
        "provider": turn.provider,
        "model": turn.model,
        "promptTokens": usage.prompt_tokens,
        "completionTokens": made,
        "tokensPerSecond": made / seconds if made and seconds else None,
        "firstTokenSeconds": turn.first_token_seconds,
        "loadSeconds": usage.load_seconds,
        "seconds": turn.seconds,
    }


def stats_text(turn: TurnRecord) -> str:
    """Return the figures of a turn in one line; what nobody knows is left out."""
    known = figures(turn)
    parts = []
    if known["completionTokens"] is not None:
        parts.append(f"{known['completionTokens']:,} tokens")
    if known["tokensPerSecond"] is not None:
        parts.append(f"{known['tokensPerSecond']:.1f} tokens/s")
    if known["firstTokenSeconds"] is not None:
        parts.append(f"first after {known['firstTokenSeconds']:.1f} s")
    parts.append(f"{known['seconds']:.1f} s in all")
    if known["promptTokens"] is not None:
        parts.append(f"{known['promptTokens']:,} tokens read")
    return " \u00b7 ".join(parts)
