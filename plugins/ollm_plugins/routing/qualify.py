"""What disqualifies a model? Nothing that is only unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ollm_plugins.routing.seconds import BUFFERS_GB, cache_gb
from ollm_plugins.routing.situation import Candidate, Machine, Profile, Requirement

NEEDS: Final = ("tools", "vision", "thinking", "embedding")
SAFE_WINDOW: Final = 4096
"""Tokens that a model takes of which nobody knows the window."""
USABLE: Final = 0.9
"""Part of the RAM that weights may take: the rest is the system's."""


def obstacles(
    candidate: Candidate, requirement: Requirement, machine: Machine, *, cloud: bool = False, pinned: bool = False
) -> tuple[str, ...]:
    """Return every reason why a model cannot do what is needed; each goes on behind its name.

    :param cloud: whether models on other people's servers may be chosen
    :param pinned: whether the user has named it, and so knows where it runs
    """
    return tuple(_found(candidate, requirement, machine, anywhere=cloud or pinned))


def wishes(candidate: Candidate, profile: Profile) -> tuple[str, ...]:
    """Return what a model lacks that a profile asks of all of its models."""
    window, required = candidate.context_window, profile.required
    lacking = (
        [f"lacks {each}" for each in required if each in NEEDS and not getattr(candidate, each)] if required else []
    )
    if window is not None and window < profile.min_context:
        lacking.append(f"has a window of {window} tokens, and the profile asks for {profile.min_context}")
    return tuple(lacking)


def _found(candidate: Candidate, requirement: Requirement, machine: Machine, *, anywhere: bool) -> Iterator[str]:
    if candidate.barrier:
        yield candidate.barrier
    needs = requirement.needs
    if candidate.embedding and "embedding" not in needs:
        yield "makes embeddings and does not chat"
    elif candidate.kind == "other" and not candidate.embedding:
        yield "was not made to chat"
    for need in needs:
        if not getattr(candidate, need):
            yield f"lacks {need}"
    window = candidate.context_window
    if requirement.tokens > (SAFE_WINDOW if window is None else window):
        told = f"an unknown window, of which {SAFE_WINDOW}" if window is None else f"a window of {window}"
        yield f"has {told} tokens, and {requirement.tokens} are needed"
    if candidate.cloud and not anywhere:
        yield "runs on somebody else's servers, which model.routing.cloud does not allow"
    if not candidate.cloud and not candidate.elsewhere:
        yield from _too_large(candidate, requirement, machine)


def _too_large(candidate: Candidate, requirement: Requirement, machine: Machine) -> Iterator[str]:
    """Compare what is known to be needed with all of the memory: what the GPU has no room for goes to the RAM."""
    if candidate.size_gb is None or machine.ram_gb is None or (machine.vram_gb is None and not machine.unified):
        return
    room = machine.ram_gb * USABLE + (0 if machine.unified else machine.vram_gb or 0)
    cache = cache_gb(candidate, requirement.tokens, machine) if candidate.kv_bytes else 0.0
    needed = candidate.size_gb + cache + BUFFERS_GB
    if needed > room:
        yield f"needs {needed:.1f} GB of memory, and {room:.1f} GB are there"
