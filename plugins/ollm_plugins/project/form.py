"""What may a project's file say?

Each key is listed here with what it sets. Whatever is not listed is refused, with the line in which it stands: hosts,
keys, plugins, approvals and paths cannot be set by any spelling.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ollm.api import Candidate, SettingsError, key_of, nearest, parse_settings, path_of, visible
from ollm_plugins.project.reading import AGENTS

if TYPE_CHECKING:
    from ollm.api import SettingsReader
    from ollm_plugins.project.reading import Content

MODEL: Final = r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*(:[\w.-]+)?(@sha256:[0-9a-f]{1,64})?"
"""A model's name as registries write it; never a path, a file or an address."""

PROFILE: Final = r"[a-z0-9][a-z0-9_.-]*"
AGENTS_FILE: Final = r"([\w-][\w. -]*/)*[\w-][\w. -]*\.(md|markdown|txt)"
"""A text inside of the project: no way up, no hidden folder."""

TOOL: Final = r"[\w.*?:/-]{1,200}"

_ROUTING: Final = "model.routing.defaultProfile"
_LONGEST: Final = 256
KEYS: Final = ("version", "profile", "model", "systemPrompt", "tools", "routing", "options", "agentsFile")


class ProjectFile(Struct, frozen=True):
    """What a project's file says, as far as it may.

    :param profile: the name of a project profile; empty when it names none
    :param tools_enabled: the only tools that are offered, as names or globs; None when it does not say so
    :param tools_disabled: tools that are not offered
    :param agents_file: a text for the system prompt, by its path in the project; empty for none
    :param values: what it sets, by the settings' keys
    :param lines: where it says so, by the settings' keys and by its own
    :param refused: a line for each thing that is ignored
    """

    path: Path
    profile: str = ""
    tools_enabled: tuple[str, ...] | None = None
    tools_disabled: tuple[str, ...] | None = None
    agents_file: str = ""
    values: Mapping[str, Any] = {}
    lines: Mapping[str, int] = {}
    refused: tuple[str, ...] = ()


def understand(settings: SettingsReader, content: Content) -> ProjectFile:
    """Read what a project's file says.

    :raises SettingsError: it is no YAML, or no mapping
    """
    return _Understanding(settings, content).result()


class _Understanding:
    """The content of one file, taken apart."""

    def __init__(self, settings: SettingsReader, content: Content) -> None:
        self._settings = settings
        self._file = parse_settings(content.path, content.text)
        self._values: dict[str, Any] = {}
        self._lines: dict[str, int] = {}
        self._refused: list[str] = []

    def result(self) -> ProjectFile:
        """Return all that was understood."""
        said: dict[str, Any] = {}
        readers: dict[str, Callable[[Any], Any]] = {
            "profile": self._profile,
            "agentsFile": self._agents,
            "tools": self._tools,
            "model": self._model,
            "systemPrompt": lambda value: self._set(("systemPrompt",), "chat.systemPrompt", value),
            "routing": self._routing,
            "options": self._options,
        }
        for name, value in self._file.values.items():
            if name in readers:
                said[name] = readers[name](value) if value is not None else None
            elif name != "version":
                self._refuse((name,), f"a project may not set it{nearest(name, KEYS)}")
        enabled, disabled = said.get("tools") or (None, None)
        return ProjectFile(
            self._file.path,
            said.get("profile") or "",
            enabled,
            disabled,
            said.get("agentsFile") or "",
            self._values,
            self._lines,
            tuple(self._refused),
        )

    def _refuse(self, key: tuple[str, ...], reason: str) -> None:
        name = visible(key_of(key))[:80]
        self._refused.append(f"{visible(self._file.where(key))}: {name} is ignored: {reason}")

    def _text(self, key: tuple[str, ...], value: Any, pattern: str, form: str) -> str:
        """Return a text of a form; an empty one, after a line, when it is none."""
        if isinstance(value, str) and len(value) <= _LONGEST and re.fullmatch(pattern, value, re.ASCII):
            self._note(key_of(key), key)
            return value
        self._refuse(key, f"{visible(repr(value))[:80]} is not {form}")
        return ""

    def _note(self, name: str, key: tuple[str, ...]) -> None:
        if key in self._file.lines:
            self._lines[name] = self._file.lines[key]

    def _profile(self, value: Any) -> str:
        return self._text(("profile",), value, PROFILE, "the name of a profile")

    def _agents(self, value: Any) -> str:
        if isinstance(value, bool):
            value = AGENTS if value else ""
        form = "true, or the path of a .md or .txt file inside of the project"
        return self._text(("agentsFile",), value, AGENTS_FILE, form) if value != "" else ""

    def _model(self, value: Any) -> None:
        form = "the name of a model; a project may not name files, paths or addresses"
        is_file = isinstance(value, str) and value.lower().endswith(".gguf")
        name = self._text(("model",), value, "(?!)" if is_file else MODEL, form)
        if name:
            self._set(("model",), "model.default", name)

    def _tools(self, value: Any) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
        given = dict(self._parts("tools", value, ("enabled", "disabled")))
        return self._names(given, "enabled"), self._names(given, "disabled")

    def _names(self, given: Mapping[str, Any], part: str) -> tuple[str, ...] | None:
        names, key = given.get(part), ("tools", part)
        if names is None:
            return None
        if not isinstance(names, list):
            self._refuse(key, "it is not a list of tools; write [read_file, glob]")
            return None
        checked = [self._text(key, each, TOOL, "the name of a tool") for each in names]
        return tuple(filter(None, checked))

    def _routing(self, value: Any) -> None:
        for name, given in self._parts("routing", value, ("defaultProfile",)):
            if self._settings.field_at(path_of(_ROUTING)) is None:
                self._refuse(("routing", name), "no plugin is installed that chooses models by profile")
            elif self._text(("routing", name), given, PROFILE, "the name of a routing profile"):
                self._set(("routing", name), _ROUTING, given)

    def _options(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            self._refuse(("options",), "it is not a mapping of names to values")
            return
        for name, given in value.items():
            key = ("options", name)
            if name == "extra":  # these go to the server unchecked, and may name files on it
                self._refuse(key, "only your own settings may set what is sent unchecked")
            elif self._settings.field_at(key) is None:
                self._refuse(key, "there is no such option")
            elif given is not None:
                self._set(key, key_of(key), given)

    def _parts(self, name: str, value: Any, known: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        """Yield what stands under a key, as far as it may stand there."""
        if not isinstance(value, Mapping):
            self._refuse((name,), f"it is not a mapping; it takes {' and '.join(known)}")
            return
        for part, given in value.items():
            if part in known:
                yield part, given
            else:
                self._refuse((name, part), f"a project may not set it{nearest(part, known)}")

    def _set(self, key: tuple[str, ...], setting: str, value: Any) -> None:
        """Take a value for a setting, if it fits."""
        try:
            self._settings.value_of(setting, Candidate("plugin", self._file.where(key), value))
        except SettingsError as error:
            self._refused.extend(f"{line} (ignored)" for line in error.problems)
            return
        self._values[setting] = value
        self._note(setting, key)
