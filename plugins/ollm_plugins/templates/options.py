"""Which options of generation may a template name, and what do they become in a request?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ollm.api import Candidate, GenerationOptions, SettingsError, SettingsReader, camel, nearest

SECTION = "options"
"""The section of the settings that has the same options, if a plugin declares it."""

_FIELDS = {camel(name): name for name in GenerationOptions.__struct_fields__} | {"numCtx": "context_size"}
"""The options' names in files, and in a request."""


def option_mistakes(settings: SettingsReader, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options that cannot be used, each with what is wrong."""
    for name, value in options.items():
        mistake = _mistake(settings, name, value)
        if mistake:
            yield name, mistake


def _mistake(settings: SettingsReader, name: str, value: Any) -> str:
    """Say what is wrong, by the same checks as for the settings."""
    if name not in _FIELDS:
        return f"there is no option {name!r}{nearest(name, _FIELDS)}"
    try:
        if settings.field_at((SECTION, name)) is not None:
            settings.value_of(f"{SECTION}.{name}", Candidate("user", "", value))
        else:
            msgspec.convert({_FIELDS[name]: value}, GenerationOptions)
    except SettingsError as error:
        return error.problems[0].removeprefix(": ")
    except msgspec.ValidationError as error:
        return f"{name}: {re.sub(r' - at `.*`$', '', str(error))}"
    return ""


def as_request(options: Mapping[str, Any]) -> GenerationOptions:
    """Return options, which were checked, as a request has them."""
    given = {_FIELDS[name]: value for name, value in options.items()}
    made: GenerationOptions = msgspec.convert(given, GenerationOptions)
    return made
