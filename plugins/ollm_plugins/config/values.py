"""How is a value read from a command line, and written for a user?"""

from __future__ import annotations

import json
from types import NoneType
from typing import Any, get_args

from ollm.api import (
    Candidate,
    Field,
    Settings,
    SettingsError,
    UsageError,
    parse_value,
    to_document,
    without_credentials,
)
from ollm_plugins.config.keys import Words


def from_text(settings: Settings, field: Field, inner: Words, text: str) -> Any:
    """Return what is to stand in the file: YAML's value if that fits the setting, else the text itself.

    :param inner: leads into the value of a setting that holds names
    :raises SettingsError: neither fits
    :raises UsageError: the text holds bytes that are not UTF-8
    """
    _check_utf8(field, text)
    if _takes_only_text(field) and not inner:
        settings.check(field.key, text, "the value")
        return text
    try:
        value = parse_value(text)
    except SettingsError as error:
        if _fits(settings, field, _whole(settings, field, inner, text)):
            return text
        raise SettingsError(tuple(f"{field.key}: {line}" for line in error.problems)) from error
    try:
        settings.check(field.key, _whole(settings, field, inner, value), "the value")
    except SettingsError as error:
        if _fits(settings, field, _whole(settings, field, inner, text)):
            return text
        if field.is_switch or field.may_stand_alone:  # these also read on, yes, off and no
            return settings.value_of(field.key, Candidate("environment", "the value", text))
        raise SettingsError(error.problems, _remedy(field)) from error
    return value


def _check_utf8(field: Field, text: str) -> None:
    """The shell hands over bytes; those that are not UTF-8 could not be written."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"The value for {field.key} is not UTF-8 text") from error


def _takes_only_text(field: Field) -> bool:
    kinds = set(get_args(field.type)) if get_args(field.type) else {field.type}
    return kinds - {NoneType} == {str}


def _whole(settings: Settings, field: Field, inner: Words, value: Any) -> Any:
    """Put a part into the rest of what the user's file says."""
    if not inner:
        return value
    user = [each.raw for each in settings.candidates(field.key) if each.layer == "user"]
    whole = dict(user[-1]) if user and isinstance(user[-1], dict) else {}
    node = whole
    for name in inner[:-1]:
        node[name] = dict(node[name]) if isinstance(node.get(name), dict) else {}
        node = node[name]
    node[inner[-1]] = value
    return whole


def _fits(settings: Settings, field: Field, value: Any) -> bool:
    try:
        settings.check(field.key, value, "the value")
    except SettingsError:
        return False
    return True


def _remedy(field: Field) -> str:
    is_list = any(str(each).startswith(("tuple", "list")) for each in (field.type, *get_args(field.type)))
    return "Write a list as [a, b]." if is_list else ""


def shown(settings: Settings, field: Field) -> Any:
    """Return the value that holds as JSON can hold it, masked; one that is bad is returned as it stands."""
    try:
        return masked(settings.get(field.key))
    except SettingsError:
        return masked(settings.candidates(field.key)[-1].raw)


def masked(value: Any) -> Any:
    """Return a value as JSON can hold it, without user and password in any address."""
    value = to_document(value)
    if isinstance(value, str):
        return without_credentials(value)
    if isinstance(value, dict):
        return {name: masked(each) for name, each in value.items()}
    return [masked(each) for each in value] if isinstance(value, list) else value


def one_line(value: Any) -> str:
    """Write a value for a table: JSON, but text without quotes; nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(to_document(value), ensure_ascii=False, default=str)


def told(candidate: Candidate) -> str:
    """Say what a layer gives, masked, and where: "8 (…/config.yaml:3)"."""
    return f"{one_line(masked(candidate.raw)) or 'nothing'} ({candidate.where})"
