"""Does a value fit its setting?

msgspec answers: it is imported anyway for what flows in a turn, and checks a value in microseconds, where
pydantic would cost each start with a settings file 45 ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from ollm.contributions import Setting
from ollm.errors import SettingsError
from ollm.settings_model import ANY, Candidate, Field, KeyPath, key_of
from ollm.text import visible, without_credentials


def convert(field: Field, candidate: Candidate) -> Any:
    """Bring a value that a layer gives into its declared type.

    Values of a file must be of the right type ("1" is no number); variables and flags are text and are read as such.

    :raises SettingsError: it does not fit
    """
    if candidate.layer == "default":
        return candidate.raw
    texts = _texts(candidate)
    try:
        value = _exactly(field, candidate.raw) if texts is None else _from_texts(field, texts)
    except UnicodeEncodeError as error:  # the shell gives any bytes; only where a number is wanted do they matter
        raise _mistake(field, candidate, "it holds bytes that are not text") from error
    except msgspec.ValidationError as error:
        errors = _by_name(bounded(field), candidate.raw) if texts is None else []
        words = [_words(each, field, is_text=texts is not None) for each in errors or (error,)]
        raise _mistake(field, candidate, *words) from error
    wrong = field.setting.check(value) if field.setting.check else ""
    if wrong:
        raise _mistake(field, candidate, wrong)
    return value


def _texts(candidate: Candidate) -> tuple[str, ...] | None:
    """Return what a variable or a flag gives, which may be given several times; None for values of files."""
    if candidate.layer in ("environment", "borrowed") or (candidate.layer == "flag" and isinstance(candidate.raw, str)):
        return (candidate.raw,)
    return candidate.raw if candidate.layer == "flag" and isinstance(candidate.raw, tuple) else None


def _mistake(field: Field, candidate: Candidate, *words: str) -> SettingsError:
    raw = candidate.raw
    given = raw[0] if isinstance(raw, tuple) and len(raw) == 1 else raw
    value = without_credentials(visible(repr(list(given) if isinstance(given, tuple) else given)))[:80]
    return SettingsError(tuple(f"{candidate.where}: {field.key} is {value}: {each}" for each in words))


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
        return dict[name, _bounded(value, metas)]  # type: ignore[misc,valid-type]
    kinds = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    return Union[tuple(Annotated[kind, metas[kind]] if kind in metas else kind for kind in kinds)]  # noqa: UP007


def _exactly(field: Field, raw: Any) -> Any:
    return msgspec.convert(_finite(raw), bounded(field))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise msgspec.ValidationError("Expected a finite number")
    return value


def _by_name(declared: Any, raw: Any) -> list[msgspec.ValidationError]:
    """Return what is wrong with each entry of a setting that holds names; msgspec says neither which nor how many."""
    found: list[msgspec.ValidationError] = []
    for name, value in raw.items() if isinstance(raw, dict) else ():
        try:
            msgspec.convert({name: value}, declared)
        except msgspec.ValidationError as error:
            found.append(msgspec.ValidationError(str(error).replace("$[...]", f"$.{name}")))
    return found


_SWITCH = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}


def _from_texts(field: Field, texts: tuple[str, ...]) -> Any:
    """Read the text of a variable, or those of a flag that was given several times."""
    if len(texts) == 1 or not holds_many(field.type):
        return _from_text(field, texts[-1])
    parts = [_from_text(field, text) for text in texts]
    if isinstance(parts[0], dict):
        return {name: value for part in parts for name, value in part.items()}
    return msgspec.convert([each for part in parts for each in part], bounded(field))


def _from_text(field: Field, text: str) -> Any:
    """Read a variable: as a scalar, or as JSON or a comma-separated list where the type is a collection."""
    declared, kinds = bounded(field), kinds_of(field.type)
    if kinds == [str] and not field.setting.pattern:
        return text
    if bool in kinds and text.strip().lower() in _SWITCH:
        return _SWITCH[text.strip().lower()]
    if not holds_many(field.type):
        return _finite(msgspec.convert(text.strip(), declared, strict=False))
    if text.lstrip().startswith(("[", "{")):
        try:
            return msgspec.json.decode(text, type=declared)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise msgspec.ValidationError(f"It is no sound JSON: {error}") from error
    parts = [part.strip() for part in text.split(",") if part.strip()]
    given: Any = parts if dict not in (get_origin(kind) for kind in kinds) else dict(map(_pair, parts))
    return msgspec.convert(given, declared, strict=False)


def _pair(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE; a value that is JSON is taken as such, e.g. a number."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise msgspec.ValidationError("Expected NAME=VALUE, several joined by commas, or a JSON object")
    try:
        return name.strip(), msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return name.strip(), value.strip()


def kinds_of(declared: Any) -> list[Any]:
    """List the types that a declared one allows, nothing left out but `None`."""
    kinds = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    return [kind for kind in kinds if kind is not NoneType]


def holds_many(declared: Any) -> bool:
    """Whether values of a type are lists, or names with values."""
    return any((get_origin(kind) or kind) in (tuple, list, dict) for kind in kinds_of(declared))


_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list"}
_KINDS |= {"object": "names with values", "null": "nothing"}


def _words(error: msgspec.ValidationError, field: Field, *, is_text: bool) -> str:
    """Say it in a user's words: "expected a number from 0 to 2, got text"; what is wrong inside also says where."""
    said, _, place = str(error).partition(" - at ")
    said, pattern, _ = said.partition(" matching regex ")
    said, comma, got = said.partition(", got ")
    at = place.strip("`").removeprefix("$").lstrip(".")
    if pattern and field.setting.form:
        said = f"Expected {field.setting.form}"
    elif not at and (comma or said.startswith(("Invalid enum value", "Expected `", "Number out of range"))):
        nothing = " or nothing" if comma and not is_text and _may_be_nothing(field) else ""
        said = f"Expected {allowed(field)}{nothing}"
    elif said.startswith("Invalid enum value") and (choices := _choices(field)):
        said = f"Expected {choices}"
    got = f", got {got}" if comma and not is_text else ""
    words = _in_words(said + got)
    return f"{words[:1].lower()}{words[1:]}{f', at {at}' if at else ''}"


def _choices(field: Field) -> str:
    """List what an entry of a list may be; empty where it may be anything."""
    entries = [entry for kind in kinds_of(field.type) for entry in get_args(kind) if get_origin(entry) is Literal]
    return ", ".join(str(each) for entry in entries for each in get_args(entry))


def _in_words(said: str) -> str:
    """Replace what stands in backticks, a type or several."""
    parts = said.split("`")
    for index in range(1, len(parts), 2):
        parts[index] = " or ".join(_KINDS.get(kind, kind) for kind in parts[index].split(" | "))
    return "".join(parts).rstrip()


def _may_be_nothing(field: Field) -> bool:
    return NoneType in get_args(field.type)


def allowed(field: Field) -> str:
    """Say which values a setting takes: "a number from 0 to 2", "true, false, low or high"."""
    words: list[str] = []
    for kind in kinds_of(field.type):
        if get_origin(kind) is Literal:
            words.extend(map(str, get_args(kind)))
        elif kind is bool:
            words.extend(("true", "false"))
        elif kind in (int, float):
            words.append(_range(field.setting, kind))
        else:
            form = field.setting.form if kind is str else ""
            words.append(form or _COLLECTIONS.get(get_origin(kind) or kind, "a value"))
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


_COLLECTIONS = {str: "text", tuple: "a list", list: "a list", dict: "names with values"}


def _range(setting: Setting, kind: type) -> str:
    name = "a whole number" if kind is int else "a number"
    least = setting.ge if setting.gt is None or kind is float else setting.gt + 1
    if least is not None and setting.le is not None:
        return f"{name} from {_plain(least)} to {_plain(setting.le)}"
    limits = ((">=", least), (">", setting.gt if kind is float else None), ("<=", setting.le))
    said = " and ".join(f"{sign} {_plain(limit)}" for sign, limit in limits if limit is not None)
    return f"{name} {said}".rstrip()


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def unknown_keys(values: Mapping[str, Any], known: Iterable[KeyPath]) -> Iterator[KeyPath]:
    """Yield what stands in nested mappings at none of the known paths, whose words may be `*`."""
    tree: dict[str, Any] = {}
    for path in known:
        node = tree
        for name in path:
            node = node.setdefault(name, {})
    return _unknown_keys(values, (), [tree])


def _unknown_keys(values: Mapping[str, Any], above: KeyPath, nodes: Sequence[Mapping[str, Any]]) -> Iterator[KeyPath]:
    """Yield what is not in a tree of names; in one place of the file, several branches may meet because of `*`."""
    for name, value in values.items():
        below = [node[each] for node in nodes for each in dict.fromkeys((name, ANY)) if each in node]
        if not below or not (any(not node for node in below) or isinstance(value, Mapping) or value is None):
            yield (*above, name)
        elif isinstance(value, Mapping) and all(below):
            yield from _unknown_keys(value, (*above, name), below)


def filled(known: str, key: KeyPath) -> str:
    """Return the name of a setting with what a key has in the places where any word may stand."""
    words = known.split(".")
    return ".".join(key_of((key[at],)) if word == ANY and at < len(key) else word for at, word in enumerate(words))


def nearest(name: str, names: Any) -> str:
    """Return "; did you mean …?" with the nearest of some names, or nothing."""
    import difflib

    tail = name.rpartition(".")[2].lower()
    by_tail = [each for each in names if each.rpartition(".")[2].lower() == tail]
    near = by_tail or difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
