"""Which setting does a user mean by the name of an option?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from ollm.api import Field, UsageError, camel, key_of, nearest, path_of, visible
from ollm_plugins.options.resolve import ALL, EXTRA, MODELS, OPTIONS

if TYPE_CHECKING:
    from ollm.api import Settings

_AT_START = "plugins"
"""The section that is read when ollm starts, and never again."""
_REMEDY = "/set lists the options."


class Named(Struct, frozen=True):
    """A setting, or one of the names in it.

    :param inner: the name of one of the further options; empty for the whole setting
    """

    field: Field
    inner: str = ""

    @property
    def key(self) -> str:
        """What it is called in a file."""
        return f"{self.field.key}.{key_of((self.inner,))}" if self.inner else self.field.key


def named(settings: Settings, name: str, model: str | None) -> Named:
    """Return what a name means: an option in any spelling (maxTokens, max_tokens, max-tokens), or a whole key.

    :param model: whose option is meant; None: that for all models
    :raises UsageError: there is none of that name, or it cannot be changed while ollm runs
    """
    path = path_of(name)
    option, *inner = path[1:] if path[0] == ALL and len(path) > 1 else path
    option = camel(option.replace("-", "_"))
    if option in map(camel, OPTIONS) and len(inner) <= (option == EXTRA):
        above = (ALL,) if model is None else (MODELS, model, ALL)
        path = (*above, option, *inner)
    elif model is not None:
        raise UsageError(f"{visible(name)} is no option, so --model does not fit", _REMEDY)
    return _at(settings, path, name)


def _at(settings: Settings, path: tuple[str, ...], name: str) -> Named:
    field = settings.field_at(path)
    if field is None and len(path) > 1:
        above = settings.field_at(path[:-1])
        if above is not None and above.attribute == EXTRA and above.path[-2] == ALL:
            return Named(above, path[-1])
    if field is None:
        raise _unknown(settings, name)
    if path[0] == _AT_START:
        remedy = f"`/config set {field.key} …` writes it into your file for the next start."
        raise UsageError(f"{field.key} is read only when ollm starts", remedy)
    return Named(field)


def _unknown(settings: Settings, name: str) -> UsageError:
    inside = [key for key in settings.fields if key.startswith(f"{name}.")]
    if inside:
        return UsageError(f"{visible(name)} is a section, not a setting", f"In it are: {', '.join(inside)}.")
    return UsageError(f"There is no option or setting {visible(name)}{nearest(name, settings.fields)}", _REMEDY)
