"""How are sizes, times and memory put into words?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ollm.api import LoadedModel, ModelInfo

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def human(size: int) -> str:
    """Write a size as people do: "98 MB", "4.7 GB".

    :param size: in bytes
    """
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:  # noqa: PLR2004  (it would be written as 1000)
            return _rounded(value, unit)
        value /= 1000
    return _rounded(value, "TB")


def _rounded(value: float, unit: str) -> str:
    decimals = 1 if value < 9.95 and unit != "B" else 0  # noqa: PLR2004  (it would be written as 10.0)
    return f"{value:.{decimals}f} {unit}"


def lasting(seconds: float) -> str:
    """Write a time span with its two largest units: "42s", "4m 12s", "1h 3m", "2d 4h".

    :param seconds: what is over already counts as nothing left
    """
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m {whole % _MINUTE}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h {whole % _HOUR // _MINUTE}m"
    return f"{whole // _DAY}d {whole % _DAY // _HOUR}h"


def moment(iso: str) -> datetime | None:
    """Read an ISO 8601 time; without a zone it is UTC. None if it is none."""
    try:
        read = datetime.fromisoformat(iso)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def seconds_left(loaded: LoadedModel) -> int | None:
    """Return the seconds until a model leaves memory; None if it stays, or nobody knows."""
    expires = moment(loaded.expires) if loaded.expires else None
    return None if expires is None else max(0, round((expires - datetime.now(UTC)).total_seconds()))


def until(loaded: LoadedModel) -> str:
    """Write how long a model stays in memory: "4m 12s", "forever"."""
    left = seconds_left(loaded)
    if left is None:
        return loaded.expires or "forever"
    return lasting(left)


def gpu_percent(loaded: LoadedModel) -> int | None:
    """Return how much of a model's memory is on a GPU, in per cent; None when its size is unknown."""
    if loaded.size <= 0:
        return None
    return min(100, round(100 * loaded.size_gpu / loaded.size))


def processor(loaded: LoadedModel) -> str:
    """Write which processors hold a model, as `ollama ps` does: "100% CPU", "48%/52% CPU/GPU"."""
    gpu = gpu_percent(loaded)
    if gpu is None:
        return ""
    if gpu in (0, 100):
        return "100% GPU" if gpu else "100% CPU"
    return f"{100 - gpu}%/{gpu}% CPU/GPU"


def memory_document(loaded: LoadedModel) -> dict[str, Any]:
    """Describe a model in memory for programs; sizes in bytes, the context in tokens."""
    gpu = gpu_percent(loaded)
    return {
        "size": loaded.size,
        "sizeGpu": loaded.size_gpu,
        "cpuPercent": None if gpu is None else 100 - gpu,
        "gpuPercent": gpu,
        "contextSize": loaded.context_size,
        "expires": loaded.expires or None,
        "secondsLeft": seconds_left(loaded),
    }


def is_unfetched(model: ModelInfo) -> bool:
    """Whether the provider offers a model whose weights are not on disk yet."""
    return model.details.get("fetched") is False
