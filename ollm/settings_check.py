"""Does a value fit its setting?

msgspec answers: it is imported anyway for what flows in a turn, and checks a value in microseconds, where
pydantic would cost each start with a settings file 45 ms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from ollm.errors import SettingsError
from ollm.settings_model import Candidate, Field
from ollm.text import visible, without_credentials


def convert(field: Field, candidate: Candidate) -> Any:
    """Bring a value that a layer gives into its declared type.

    Values of a file must be of the right type ("1" is no number); variables are text and are read as such.

    :raises SettingsError: it does not fit
    """
    if candidate.layer == "default":
        return candidate.raw
    try:
        is_text = candidate.layer in ("environment", "borrowed") or (candidate.layer == "flag" and _holds_many(field))
        return _from_text(field, candidate.raw) if is_text else _exactly(field, candidate.raw)
    except msgspec.ValidationError as error:
        value = without_credentials(visible(repr(candidate.raw)))[:80]
        raise SettingsError((f"{candidate.where}: {field.key} is {value}: {_words(error, field.setting.form)}",)) from error


def bounded(field: Field) -> Any:
    """Return the declared type with the range and form that the setting allows, as msgspec understands them."""
    said = field.setting
    limits = {name: getattr(said, name) for name in ("ge", "gt", "le") if getattr(said, name) is not None}
    metas = dict.fromkeys((int, float), msgspec.Meta(**limits)) if limits else {}
    if said.pattern:
        metas[str] = msgspec.Meta(pattern=said.pattern)
    return _bounded(field.type, metas) if metas else field.type


def _bounded(declared: Any, metas: Mapping[type, msgspec.Meta]) -> Any:
    """Limit each kind that a type allows; in a mapping, those of its values."""
    if get_origin(declared) is dict:
        name, value = get_args(declared)
        return dict[name, _bounded(value, metas)]  # type: ignore[valid-type]
    kinds = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    return Union[tuple(Annotated[kind, metas[kind]] if kind in metas else kind for kind in kinds)]  # noqa: UP007


def _exactly(field: Field, raw: Any) -> Any:
    if isinstance(raw, float) and not math.isfinite(raw):
        raise msgspec.ValidationError("Expected a finite number")
    return _named(bounded(field), raw)


def _named(declared: Any, raw: Any) -> Any:
    """Convert entry by entry where a setting holds names, so that an error can say which one it means."""
    try:
        return msgspec.convert(raw, declared)
    except msgspec.ValidationError as error:
        if isinstance(raw, dict) and "$[...]" in str(error):
            for name, value in raw.items():
                try:
                    msgspec.convert({name: value}, declared)
                except msgspec.ValidationError as inner:
                    raise msgspec.ValidationError(str(inner).replace("$[...]", f"$.{name}")) from inner
        raise


def _from_text(field: Field, text: str) -> Any:
    """Read a variable: as a scalar, or as JSON or a comma-separated list where the type is a collection."""
    declared = bounded(field)
    if not _holds_many(field):
        return _finite(msgspec.convert(text, declared, strict=False))
    if text.lstrip().startswith(("[", "{")):
        try:
            return msgspec.json.decode(text, type=declared)
        except msgspec.DecodeError as error:
            raise msgspec.ValidationError(str(error)) from error
    return msgspec.convert([part.strip() for part in text.split(",") if part.strip()], declared, strict=False)


def _holds_many(field: Field) -> bool:
    kinds = {get_origin(kind) or kind for kind in (get_args(field.type) or (field.type,))}
    return bool({get_origin(field.type), *kinds} & {tuple, list, dict})


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise msgspec.ValidationError("Expected a finite number")
    return value


_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list"}
_KINDS |= {"object": "names with values", "null": "nothing"}


def _words(error: msgspec.ValidationError, form: str) -> str:
    """Say it in a user's words: "expected a number <= 2.0, at a.depth".

    :param form: what the setting's pattern means
    """
    said, separator, place = str(error).rpartition(" - at ")
    said, place = (said, place) if separator else (place, "")
    said, pattern, _ = said.partition(" matching regex ")
    if pattern and form:
        said = f"Expected {form}"
    parts = said.split("`")
    for index in range(1, len(parts), 2):  # what stands in backticks is a type, or several
        parts[index] = " or ".join(_KINDS.get(kind, kind) for kind in parts[index].split(" | "))
    said = "".join(parts).rstrip()
    at = place.strip("`").removeprefix("$").lstrip(".")
    return f"{said[:1].lower()}{said[1:]}{f', at {at}' if at else ''}"
