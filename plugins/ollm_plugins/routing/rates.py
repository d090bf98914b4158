"""How fast was each model? `rates.json`, which turns write and choices read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from ollm.api import Notice, OllmError, Usage, file_lock, set_aside, visible, write_atomically

FILE: Final = "rates.json"
VERSION: Final = 1
MOST: Final = 128
"""Models beyond that are forgotten, the one that was used least lately first."""
_NEW: Final = 0.4
"""Weight of the newest turn: a machine that has become slower is believed after a few turns."""
_LEAST_TOKENS: Final = 8
_LEAST_LOAD: Final = 0.3
"""Seconds below which a model was in memory already."""
_SLIGHT: Final = 0.05
"""Change of a rate that chooses no other model; a write costs a short run a twentieth of its time."""
_LOCK: Final = 2.0


class Measured(Struct, frozen=True):
    """What was measured of a model; None where nothing was.

    :param tok_s: tokens of answer a second
    :param prompt_tok_s: tokens of prompt a second
    :param load_s: seconds to load it
    :param used: when it was used last, in seconds since 1970
    """

    tok_s: float | None = None
    prompt_tok_s: float | None = None
    load_s: float | None = None
    used: float = 0.0


class _Content(Struct, frozen=True):
    version: int = VERSION
    models: dict[str, Measured] = field(default_factory=dict)


def record(path: Path, key: str, usage: Usage, notify: Callable[[Notice], None]) -> None:
    """Add an answer's counters to the file, unless they say what it says already.

    :raises OllmError: it could not be written
    """
    known = read(path, notify).get(key)
    if known is not None and _says_the_same(known, renewed(known, usage, known.used)):
        return
    try:
        with file_lock(path, timeout=_LOCK):
            models = read(path, notify)
            models[key] = renewed(models.get(key, Measured()), usage, time.time())
            kept = sorted(models, key=lambda each: models[each].used)[-MOST:]
            content = _Content(models={each: models[each] for each in kept})
            write_atomically(path, msgspec.json.encode(content))
    except OSError as error:  # the lock itself is a file
        raise OllmError(f"{path} could not be locked: {error.strerror or error}") from error


def _says_the_same(known: Measured, newer: Measured) -> bool:
    """Whether an answer has changed what is known by so little that it is not worth a write."""
    pairs = [(getattr(known, name), getattr(newer, name)) for name in ("tok_s", "prompt_tok_s", "load_s")]
    return all(old == new or (old and new and abs(new - old) <= _SLIGHT * old) for old, new in pairs)


def renewed(known: Measured, usage: Usage, now: float) -> Measured:
    """Return what is known of a model after one more answer."""
    return Measured(
        _mean(known.tok_s, _rate(usage.completion_tokens, usage.completion_seconds)),
        _mean(known.prompt_tok_s, _rate(usage.prompt_tokens, usage.prompt_seconds)),
        _mean(known.load_s, usage.load_seconds if (usage.load_seconds or 0.0) >= _LEAST_LOAD else None),
        now,
    )


def read(path: Path, notify: Callable[[Notice], None]) -> dict[str, Measured]:
    """Return what was measured, by "provider/model"; a file that cannot be read is kept aside, which is said."""
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except FileNotFoundError:
        return {}
    except OSError as error:
        notify(Notice("rates-not-read", f"{path} could not be read: {error.strerror or error}."))
        return {}
    except msgspec.DecodeError as error:
        _set_aside(path, f"it is damaged ({visible(str(error))})", notify)
        return {}
    if content.version != VERSION:
        _set_aside(path, f"it has version {content.version}, and this ollm knows {VERSION}", notify)
        return {}
    return {key: _sound(each) for key, each in content.models.items()}


def _sound(measured: Measured) -> Measured:
    """Leave out numbers with which one cannot reckon."""
    fields: Mapping[str, float | None] = msgspec.structs.asdict(measured)
    good = {name: value for name, value in fields.items() if value is not None and 0 < value < 1e12}  # noqa: PLR2004
    return Measured(**good)


def _rate(tokens: int | None, seconds: float | None) -> float | None:
    if tokens is None or not seconds or tokens < _LEAST_TOKENS or seconds < 0:
        return None
    return tokens / seconds


def _mean(known: float | None, new: float | None) -> float | None:
    if known is None or new is None:
        return known if new is None else new
    return known * (1 - _NEW) + new * _NEW


def _set_aside(path: Path, why: str, notify: Callable[[Notice], None]) -> None:
    set_aside(path, why, "rates are measured anew", notify, "rates-set-aside")
