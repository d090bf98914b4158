"""How does what is said of a model become a candidate?"""

from __future__ import annotations

from ollm.api import KnownLimits, ListedModel, ModelInfo
from ollm_plugins.routing.lines import GB_PER_BILLION, Read, billions, read, strength
from ollm_plugins.routing.situation import Candidate, Thinks

_LARGEST = 10_000.0


def completed(said: Candidate, limits: KnownLimits | None, parameters: str = "", *, base: bool = False) -> Candidate:
    """Add what name, line and database tell to what is said of a model.

    :param parameters: as a server says it, e.g. "8.0B"
    :param base: whether it is known to complete text instead of answering
    """
    known = read(said.name, limits.matched if limits and limits.source in ("tag", "line") else "")
    params = _credible(billions(parameters), said) or said.params or known.params or _guessed(said)
    active = said.active or _in_use(known, params)
    released = said.released or known.released
    sure = limits if limits and limits.known else None
    names = dict.fromkeys((*said.families, sure.family if sure else "", _line(known, limits)))
    fields = {field: getattr(said, field) for field in Candidate.__struct_fields__}
    fields |= {
        "families": tuple(each for each in names if each),
        "profiles": said.profiles or (sure.profiles if sure else ()),
        "params": params,
        "active": active,
        "released": released,
        "strength": strength(params, active, released, said.size_gb),
        "kind": "base" if base else said.kind if said.kind != "chat" else known.kind,
        "thinks": _thinks(said, known),
    }
    return Candidate(**fields)


def listed(model: ListedModel, limits: KnownLimits | None, barrier: str = "") -> Candidate:
    """Make a candidate of a model in a catalogue.

    :param barrier: why its provider cannot be asked
    """
    info, able, memory = model.info, limits.capabilities if limits else None, model.loaded
    said = Candidate(
        key=f"{model.provider}/{info.name}",
        name=info.name,
        provider=model.provider,
        size_gb=info.size / 1e9 if info.size else None,
        context_window=_window(info, limits),
        tools=able.tools if able else "tools" in info.capabilities,
        vision=able.vision if able else "vision" in info.capabilities,
        thinking=able.thinking if able else "thinking" in info.capabilities,
        embedding=bool((able and able.embedding) or "embedding" in info.capabilities),
        loaded=memory is not None,
        loaded_context=memory.context_size if memory else None,
        kv_bytes=kv_bytes(info),
        families=(info.family.lower(),) if info.family else (),
        cloud=is_cloud(info),
        barrier=barrier or _barrier(info),
        kind="chat" if info.chats or "embedding" in info.capabilities else "other",
    )
    return completed(said, limits, info.parameters)


def is_cloud(info: ModelInfo) -> bool:
    """Whether a model runs on Ollama's servers: the name says so, or the entry names the host."""
    tag = info.name.rpartition(":")[2].lower()
    return bool(info.details.get("remote_host")) or tag == "cloud" or tag.endswith("-cloud")


def kv_bytes(info: ModelInfo) -> float | None:
    """Return the bytes of cache that a token takes, in 16 bits, from a model's metadata; None where they do not say.

    Keys and values: layers x heads x (length of a key + length of a value) x 2 bytes.
    """
    facts = info.details.get("model_info")
    if not isinstance(facts, dict):
        return None
    kind = facts.get("general.architecture")
    names = ("block_count", "attention.head_count", "attention.head_count_kv", "embedding_length")
    layers, heads, shared, width = (_count(facts.get(f"{kind}.{name}")) for name in names)
    if not (layers and heads and width):
        return None
    key = _count(facts.get(f"{kind}.attention.key_length")) or width / heads
    value = _count(facts.get(f"{kind}.attention.value_length")) or key
    return layers * (shared or heads) * (key + value) * 2


def _count(said: object) -> float:
    return float(said) if isinstance(said, int | float) and said > 0 else 0.0


def _window(info: ModelInfo, limits: KnownLimits | None) -> int | None:
    if limits is None or limits.source == "default":
        return info.context_window
    return limits.context_window


def _barrier(info: ModelInfo) -> str:
    return "is not fetched yet" if info.details.get("fetched") is False else str(info.details.get("problem") or "")


def _credible(params: float, said: Candidate) -> float:
    """Return what a server says of the parameters, in billions; 0 if no such model exists, or weights have no room for them.

    A bit each is the least; the largest models of today have some thousands of billions.
    """
    return params if params <= (8 * said.size_gb if said.size_gb else _LARGEST) else 0.0


def _guessed(said: Candidate) -> float:
    """Return the parameters that weights of this size have in 4 bits, in billions."""
    return said.size_gb / GB_PER_BILLION if said.size_gb else 0.0


def _in_use(known: Read, params: float) -> float:
    """Return the parameters in use; a name that is off the server's count still says which part it is."""
    return known.active if known.active and known.active < params * 0.9 else params


def _line(known: Read, limits: KnownLimits | None) -> str:
    """Return the model line, if the database knows it: a name alone says no family."""
    return known.line if limits and limits.source != "default" and limits.matched.startswith(known.line) else ""


def _thinks(said: Candidate, known: Read) -> Thinks:
    if known.thinks == "always" or not said.thinking:
        return "always" if known.thinks == "always" else ""
    return "can"
