"""How much memory do models take, and how much is there? The service `ModelMemory`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ollm.api import HostContext, MemoryEstimate, MemoryNeed, ModelMemory
from ollm_plugins.routing.gather import Gatherer
from ollm_plugins.routing.qualify import USABLE
from ollm_plugins.routing.seconds import BUFFERS_GB, cache_gb
from ollm_plugins.routing.situation import Candidate, Machine

SMALL_GPU_GB: Final = 4.0
"""GPU memory that is counted on where nobody knows whether there is a GPU: the least that those of recent years have."""


def create(ctx: HostContext) -> Memory:
    """Make the service; nobody is asked yet."""
    return Memory(ctx)


class Memory(ModelMemory):
    """Reckons with what a choice of models reckons with."""

    def __init__(self, host: HostContext) -> None:
        self._gatherer = Gatherer(host)

    async def estimate(self, models: Sequence[tuple[str, str]], context_size: int | None = None) -> MemoryEstimate:
        """Say what some models need of memory.

        :param context_size: in tokens; None: with which they are loaded, at least 4096
        :raises OllmError: nobody can be asked
        """
        present = await self._gatherer.present()
        machine = present.machine
        known = {each.key: each for each in present.candidates}
        keys = [f"{provider}/{name}" for provider, name in models]
        needs = {key: _need(known[key], machine, context_size) for key in keys if key in known}
        guessed = machine.vram_gb is None and not machine.unified
        return MemoryEstimate(needs, *_room(machine), guessed)


def _need(candidate: Candidate, machine: Machine, context_size: int | None) -> MemoryNeed:
    if candidate.cloud:
        return MemoryNeed(0)
    if candidate.size_gb is None:
        return MemoryNeed(None, not candidate.elsewhere)
    cache = cache_gb(candidate, context_size or candidate.loaded_context or 0, machine)
    gb = candidate.size_gb + cache + BUFFERS_GB
    return MemoryNeed(round(gb * 1e9), not candidate.elsewhere)


def _room(machine: Machine) -> tuple[int | None, str]:
    """Return what models can have together: a server evicts one before it lets another spill over the GPU."""
    if machine.vram_gb and not machine.unified:
        return round(machine.vram_gb * 1e9), "of GPU memory"
    if machine.ram_gb is None:
        return None, ""
    usable = machine.ram_gb * USABLE
    if machine.vram_gb is None and not machine.unified:
        return round(min(usable, SMALL_GPU_GB) * 1e9), "that even a small GPU has"
    return round(usable * 1e9), "of RAM"
