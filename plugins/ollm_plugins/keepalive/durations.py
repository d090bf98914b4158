"""How long is "10m", and how is it said?"""

from __future__ import annotations

import re
from typing import Final

from ollm.api import UsageError

FOREVER: Final = -1
"""Stands for "for good", as a number of seconds."""

LONGEST: Final = 999_999_999
"""Seconds, 31 years; servers count in nanoseconds, of which 64 bits hold nine times as many."""

PATTERN: Final = r"^(forever|-1|[0-9]{1,9}|([0-9]{1,5}(\.[0-9]{1,3})?[smh]){1,3})$"
FORM: Final = 'seconds, a duration such as "10m" or "1h30m", or "forever"'

_UNITS: Final = {"h": 3600, "m": 60, "s": 1}
_PART: Final = re.compile(r"([0-9.]+)([smh])")


def seconds(value: int | str) -> int:
    """Return a duration in whole seconds, `FOREVER` for one without an end.

    :param value: seconds, or one of the forms of `PATTERN`
    :raises UsageError: it is none of them
    """
    if isinstance(value, int):
        return value
    text = value.strip().lower()
    if not re.match(PATTERN, text):
        raise UsageError(f"{value!r} is no duration", f"Give {FORM}.")
    if text == "forever":
        return FOREVER
    if text.lstrip("-").isdigit():
        return int(text)
    return round(sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def exact(duration: float) -> str:
    """Write a duration in full: 5400 → "1h30m".

    :param duration: in seconds
    """
    rest, parts = round(duration), []
    for unit, size in _UNITS.items():
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def rough(duration: float) -> str:
    """Write a duration in its greatest unit, rounded down: 299 → "4m".

    :param duration: in seconds
    """
    unit = next((unit for unit, size in _UNITS.items() if duration >= size), "s")
    return f"{int(duration // _UNITS[unit])}{unit}"
