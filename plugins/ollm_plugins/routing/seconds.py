"""How long will a model take?

Loading, reading the prompt, thinking and answering. What was measured counts; for the rest the time is that of
reading the weights: a token of answer takes one pass over the parameters in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from msgspec import Struct

from ollm_plugins.routing.lines import GB_PER_BILLION
from ollm_plugins.routing.situation import Candidate, Machine, Requirement

RAM_GB_S: Final = 35.0
"""What a CPU reads of weights: two channels of DDR4-3200 give 51 GB/s on paper, about two thirds of it in practice."""
GPU_GB_S: Final = 200.0
"""What a GPU reads of weights when nobody knows which: a small one of recent years."""
UNIFIED_GB_S: Final = 100.0
"""The same of one memory for both: an Apple M2 to M4 has 100 to 120 GB/s, the Pro ones twice that."""
DISK_GB_S: Final = 1.5
"""What is loaded from a disk: an NVMe gives 2 to 5 GB/s on paper; checking and copying take their part."""
BUFFERS_GB: Final = 0.5
"""Memory that is needed beside weights and cache."""
GPU_PROMPT: Final = 16_000.0
"""Tokens of prompt a second that a GPU reads, for a model of a billion parameters."""
CPU_PROMPT: Final = 400.0
"""The same of a CPU."""
_USUAL_GB: Final = 4.8
"""Weights of a model of which nobody knows the size: 8 billion parameters in 4 bits."""


class Estimate(Struct, frozen=True, gc=False):
    """The expected seconds of a turn, and of what they consist.

    :param tok_s: tokens of answer a second
    :param spilled: part of the memory needed that the GPU has no room for; 0 where that is unknown
    """

    load: float
    prompt: float
    thinking: float
    answer: float
    tok_s: float
    spilled: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.load + self.prompt + self.thinking + self.answer


class Pace(Struct, frozen=True):
    """How fast a machine is, in 10^9 bytes of weights a second; calibrated by what was measured on it."""

    gpu: float
    cpu: float


def pace_of(machine: Machine, candidates: Sequence[Candidate]) -> Pace:
    """Say how fast a machine reads weights, from the models of which the rate was measured if there are any."""
    gpu = machine.gpu_gb_s or _usual(machine)
    rates = [each.tok_s * in_use_gb(each) for each in candidates if each.tok_s and each.size_gb]
    if not rates:
        return Pace(gpu, RAM_GB_S)
    return Pace(gpu, median(rates)) if machine.vram_gb == 0 else Pace(median(rates), RAM_GB_S)


def _usual(machine: Machine) -> float:
    """What GPUs of that size read: 8 GB ones about 270 GB/s on paper, 24 GB ones 930; two thirds of it in practice."""
    if machine.unified:
        return UNIFIED_GB_S
    return min(max(GPU_GB_S + (machine.vram_gb - 8) * 25, GPU_GB_S), 620.0) if machine.vram_gb else GPU_GB_S


def weights_gb(candidate: Candidate) -> float:
    """Return the size of the weights, guessed where nobody says it, in 10^9 bytes."""
    return candidate.size_gb or candidate.params * GB_PER_BILLION or _USUAL_GB


def in_use_gb(candidate: Candidate) -> float:
    """Return what is read of the weights for each token."""
    share = candidate.active / candidate.params if candidate.params and candidate.active else 1.0
    return weights_gb(candidate) * min(share, 1.0)


def cache_gb(candidate: Candidate, tokens: int, machine: Machine) -> float:
    """Return the memory that the cache for so many tokens takes; 46 KiB times the root of the billions is usual.

    That fits models with grouped heads: 130 KiB of 8 billion (Llama 3.1: 128), 385 KiB of 70 billion (320).
    """
    each = candidate.kv_bytes or 46 * 1024 * float(candidate.params or 8.0) ** 0.5
    return each * max(tokens, 4096) * machine.num_parallel / 1e9


def estimate(candidate: Candidate, requirement: Requirement, machine: Machine, pace: Pace) -> Estimate:
    """Return how long a turn will take."""
    needed = weights_gb(candidate) + cache_gb(candidate, requirement.tokens, machine) + BUFFERS_GB
    spilled = 0.0 if candidate.elsewhere else _spilled(machine, needed)
    tok_s = candidate.tok_s or _rate(candidate, machine, pace, spilled)
    thoughts = thinking_tokens(candidate, requirement)
    return Estimate(
        _load(candidate, requirement),
        requirement.prompt_tokens / (candidate.prompt_tok_s or _prompt_rate(candidate, machine, spilled)),
        thoughts / tok_s,
        requirement.output_tokens / tok_s,
        tok_s,
        spilled,
    )


def thinking_tokens(candidate: Candidate, requirement: Requirement) -> int:
    """Return how many tokens a model thinks: one that cannot do otherwise thinks longer than its answer is."""
    if not candidate.thinks:
        return 0
    if candidate.thinks == "always":
        return max(1000, 2 * requirement.output_tokens)
    return max(300, requirement.output_tokens)


def _spilled(machine: Machine, needed: float) -> float:
    if not machine.vram_gb or machine.unified:
        return 0.0
    return max(0.0, 1 - machine.vram_gb / needed)


def _rate(candidate: Candidate, machine: Machine, pace: Pace, spilled: float) -> float:
    read = in_use_gb(candidate)
    if machine.vram_gb == 0:
        return pace.cpu / read
    return 1 / (read * (1 - spilled) / pace.gpu + read * spilled / RAM_GB_S)


def _prompt_rate(candidate: Candidate, machine: Machine, spilled: float) -> float:
    billions = candidate.active or candidate.params or 8.0
    on_cpu = 1.0 if machine.vram_gb == 0 else spilled
    return 1 / (billions * ((1 - on_cpu) / GPU_PROMPT + on_cpu / CPU_PROMPT))


def _load(candidate: Candidate, requirement: Requirement) -> float:
    """Seconds until it is in memory; one that is there with too small a window is loaded anew."""
    if candidate.cloud:
        return 0.0
    if candidate.loaded and (candidate.loaded_context is None or candidate.loaded_context >= requirement.tokens):
        return 0.0
    return candidate.load_s or 0.5 + weights_gb(candidate) / DISK_GB_S
