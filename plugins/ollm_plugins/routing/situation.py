"""What must be known for a choice?

Everything, and nothing else: a described situation and a real one are the same type, so that both decide alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from ollm.api import Comparison, Notice

Kind = Literal["chat", "code", "base", "special", "other"]
Thinks = Literal["", "can", "always"]


class Machine(Struct, frozen=True):
    """Where models run; None where nobody knows.

    :param vram_gb: memory of the GPU, in 10^9 bytes; 0 where there is none
    :param ram_gb: memory beside it, in 10^9 bytes
    :param unified: whether both are one memory, of which `ram_gb` is the whole
    :param gpu_gb_s: what the GPU reads from its memory, in 10^9 bytes a second
    :param num_parallel: requests that a server answers at once, each with a cache of its own
    """

    vram_gb: float | None = None
    ram_gb: float | None = None
    unified: bool = False
    gpu_gb_s: float | None = None
    num_parallel: int = 1


class Candidate(Struct, frozen=True, gc=False):
    """A model that could be chosen; None or empty where nobody knows.

    :param key: "provider/model", or the name alone in a described situation
    :param size_gb: of the weights, in 10^9 bytes
    :param context_window: in tokens
    :param loaded_context: the window with which it is in memory, in tokens
    :param kv_bytes: of the cache for each token of context
    :param tok_s: measured tokens of answer a second
    :param prompt_tok_s: measured tokens of prompt a second
    :param load_s: measured seconds to load it
    :param families: by which a profile may name it: the family, and the model line
    :param profiles: that the database of limits says it suits
    :param params: in billions
    :param active: of these, in use for each token
    :param strength: worth of size, age and quantization; one more is worth twice the size
    :param released: as the year and its part
    :param kind: what it was made for
    :param barrier: why it cannot be asked at all, e.g. that its provider is away
    :param elsewhere: whether it runs on another machine, whose memory nobody knows
    """

    key: str
    name: str
    provider: str = ""
    size_gb: float | None = None
    context_window: int | None = None
    tools: bool = False
    vision: bool = False
    thinking: bool = False
    embedding: bool = False
    loaded: bool = False
    loaded_context: int | None = None
    kv_bytes: float | None = None
    tok_s: float | None = None
    prompt_tok_s: float | None = None
    load_s: float | None = None
    families: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    params: float = 0.0
    active: float = 0.0
    strength: float = 0.0
    released: float = 0.0
    kind: Kind = "chat"
    thinks: Thinks = ""
    cloud: bool = False
    barrier: str = ""
    elsewhere: bool = False


class Requirement(Struct, frozen=True):
    """What the turn needs.

    :param needs: of tools, vision, thinking, embedding
    """

    prompt_tokens: int = 500
    output_tokens: int = 800
    needs: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of prompt and answer."""
        return self.prompt_tokens + self.output_tokens


Rank = Callable[[Sequence[Candidate]], Mapping[str, float] | None]
"""Scores candidates by their key; None when it failed, which was told by then."""


class Profile(Struct, frozen=True):
    """A rule for choosing a model for a kind of work.

    :param families: best first
    :param min_context: in tokens
    :param fallback: whose choice is taken when no model qualifies, or none is of the families
    :param builtin: one of the four, whose families count for little beside age and size; in any other they go first
    :param origin: who says so: "built in", a plugin, a place in the settings
    """

    name: str
    description: str = ""
    families: tuple[str, ...] = ()
    min_context: int = 0
    required: tuple[str, ...] = ()
    fallback: str | None = None
    rank: Rank | None = None
    builtin: bool = False
    origin: str = "built in"


class Situation(Struct, frozen=True):
    """Everything that a choice depends on.

    :param profile: name of the profile that is asked for
    :param overrides: the model that the user pins to a profile
    :param comparisons: how the user judged answers, in any profile
    :param cloud: whether models on other people's servers may be chosen
    :param notices: what was ignored while this was made
    :param providers: in the order in which they are asked, each with why it is away; empty where it is not
    """

    machine: Machine
    candidates: tuple[Candidate, ...]
    profile: str
    requirement: Requirement
    profiles: Mapping[str, Profile]
    overrides: Mapping[str, str] = {}
    comparisons: tuple[Comparison, ...] = ()
    cloud: bool = False
    notices: tuple[Notice, ...] = ()
    providers: tuple[tuple[str, str], ...] = ()
