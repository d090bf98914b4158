"""Which value holds, and where did it come from?

Layers, the strongest last: defaults, variables borrowed from other programs, the user's file, layers of plugins (a
trusted project), environment, flags, the running session. How a setting is declared is `settings_model`'s, whether a value fits
`settings_check`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, TypeVar

from msgspec import structs

from ollm.contribution import resolve
from ollm.contributions import SettingsLayer, SettingsSection
from ollm.errors import SettingsError, UsageError
from ollm.settings_check import convert, filled, unknown_keys
from ollm.settings_check import nearest as nearest  # noqa: PLC0414  (re-exported)
from ollm.settings_file import MISSING, SettingsFile, value_at
from ollm.settings_model import ANY, Candidate, Field, KeyPath, LayerName, Section, key_of, path_of, section_of
from ollm.text import visible

T = TypeVar("T")


class Settings:
    """The values in force.

    :param sections: all sections, those of plugins included
    :param file: the user's
    :param environ: variables by name
    :param incomplete: whether a plugin is missing, whose sections are then unknown but no mistakes
    """

    def __init__(
        self,
        sections: Sequence[SettingsSection],
        file: SettingsFile,
        environ: Mapping[str, str],
        *,
        incomplete: bool = False,
    ) -> None:
        self.file = file
        self._incomplete = incomplete
        self._contributed = sections
        self._environ = environ
        self._layers: list[SettingsLayer] = []
        self._flags: dict[str, tuple[str, Any]] = {}
        self._session: dict[str, Any] = {}
        self._made: dict[tuple[type[Any], str], Any] = {}

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """All sections, imported."""
        return tuple(section_of(each.name, resolve(each.model)) for each in self._contributed)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """All settings by key."""
        return {field.key: field for section in self.sections for field in section.fields}

    def all_fields(self) -> list[Field]:
        """List all settings; of those with a `*`, each that some layer sets."""
        found: list[Field] = []
        for field in self.fields.values():
            if field.is_open:
                found.extend(self._instances(field))
            else:
                found.append(field)
        return found

    def _instances(self, field: Field) -> Iterator[Field]:
        for entry in self.entries(field.section):
            one = structs.replace(field, entry=entry)
            if any(candidate.layer != "default" for candidate in self._candidates(one)):
                yield one

    def entries(self, section: str) -> tuple[str, ...]:
        """List the names that layers give for the `*` in a section's path, e.g. "models.*.options"."""
        above = tuple(section.split("."))
        above = above[: above.index(ANY)]
        names: dict[str, None] = {}
        for values in (self.file.values, *(layer.values for layer in self._layers)):
            found = value_at(values, above)
            names.update(dict.fromkeys(found if isinstance(found, Mapping) else ()))
        for key in self._session:
            path = path_of(key)
            if path[: len(above)] == above and len(path) > len(above):
                names[path[len(above)]] = None
        return tuple(names)

    def use_layers(self, layers: Sequence[SettingsLayer]) -> None:
        """Put layers of plugins between the user's file and the environment, in the place of former ones."""
        self._layers = list(layers)
        self._made.clear()

    def set_flag(self, key: str, flag: str, value: Any) -> None:
        """Note a value given on the command line."""
        self._flags[key] = (flag, value)
        self._made.clear()

    def set_session(self, key: str, value: Any) -> None:
        """Set a value for the rest of the run.

        :raises SettingsError: there is no such setting, or the value does not fit it
        """
        self.check(key, value, "this session")
        self._session[self.field(key).key] = value
        self._made.clear()

    def unset_session(self, key: str) -> bool:
        """Take back what `set_session` has set; False if there was nothing."""
        self._made.clear()
        return self._session.pop(self.field(key).key, self) is not self

    def check(self, key: str, value: Any, where: str) -> Any:
        """Return a value, given as in a file, in the declared type of a setting.

        :param where: named in errors
        :raises SettingsError: there is no such setting, or the value does not fit it
        """
        return convert(self.field(key), Candidate("user", where, value))

    def use_file(self, file: SettingsFile) -> None:
        """Replace the user's file, after it was changed."""
        self.file = file
        self._made.clear()

    def section(self, model: type[T], entry: str = "") -> T:
        """Return a section with the values in force.

        :param entry: the name that stands for the `*` in the section's path
        :raises SettingsError: a value is of the wrong type or out of range
        """
        if (model, entry) not in self._made:
            found = next((each for each in self.sections if each.model is model), None)
            if found is None:
                raise UsageError(f"No settings section is declared with {model.__qualname__}")
            fields = [structs.replace(field, entry=entry) if entry else field for field in found.fields]
            self._made[model, entry] = model(**{field.attribute: self._value(field) for field in fields})
        made: T = self._made[model, entry]
        return made

    def field(self, key: str) -> Field:
        """Return a setting's declaration.

        :raises SettingsError: there is none of that name; the nearest is named
        """
        if key not in self._asked_for:
            found = self.field_at(path_of(key))
            if found is None:
                raise SettingsError((f"There is no setting {visible(key)!r}{nearest(key, self.fields)}",))
            self._asked_for[key] = found
        return self._asked_for[key]

    @cached_property
    def _asked_for(self) -> dict[str, Field]:
        """Settings by key, those of single names added when they are asked for: a request looks up dozens."""
        return dict(self.fields)

    def field_at(self, path: KeyPath) -> Field | None:
        """Return the declaration of the setting at a path; None when there is none.

        A name that holds dots and stands for a `*` is understood without quotes, too.
        """
        namesakes = self._by_name.get(path[-1], ())
        found = (field.at(each) for field in namesakes for each in (path, field.joined(path)))
        return next((field for field in found if field is not None), None)

    @cached_property
    def _by_name(self) -> dict[str, list[Field]]:
        """All settings by the last part of their key."""
        named: dict[str, list[Field]] = {}
        for field in self.fields.values():
            named.setdefault(field.path[-1], []).append(field)
        return named

    def get(self, key: str) -> Any:
        """Return the value in force under a key such as "model.default".

        :raises SettingsError: there is no such setting, or its value is bad
        """
        return self._value(self.field(key))

    def origin(self, key: str) -> str:
        """Say where the value in force comes from: "default", file and line, variable or flag."""
        return self.candidates(key)[-1].where

    def is_set(self, key: str) -> bool:
        """Say whether the user has set a value, in whatever way; a variable of another program does not count."""
        return any(each.layer not in ("default", "borrowed") for each in self.candidates(key))

    def candidates(self, key: str) -> list[Candidate]:
        """List every value that a layer gives to a setting; the last one holds, the others are beaten."""
        return list(self._candidates(self.field(key)))

    def _candidates(self, field: Field) -> Iterator[Candidate]:
        path = field.path
        yield Candidate("default", "default", field.default)
        yield from self._variables("borrowed", field, field.setting.borrowed)
        if (raw := value_at(self.file.values, path)) is not MISSING:
            yield Candidate("user", self.file.where(path), raw)
        for layer in self._layers:
            if field.setting.project and (raw := value_at(layer.values, path)) is not MISSING:
                yield Candidate("plugin", _layer_where(layer, field.path), raw)
        yield from self._variables("environment", field, field.setting.env)
        if field.key in self._flags:
            flag, raw = self._flags[field.key]
            yield Candidate("flag", flag, raw)
        if field.key in self._session:
            yield Candidate("session", "this session", self._session[field.key])

    def _variables(self, layer: LayerName, field: Field, names: Sequence[str]) -> Iterator[Candidate]:
        for variable in reversed(names):
            if field.is_single and self._environ.get(variable):
                yield Candidate(layer, f"${variable}", self._environ[variable])

    def value_of(self, key: str, candidate: Candidate) -> Any:
        """Return what a candidate for a setting gives, in the declared type.

        :raises SettingsError: it does not fit
        """
        return convert(self.field(key), candidate)

    def _value(self, field: Field) -> Any:
        *_, winner = self._candidates(field)
        return winner.raw if winner.layer == "default" else convert(field, winner)

    def problems(self) -> list[str]:
        """List every mistake in every layer, a line each."""
        found: list[str] = []
        for field in self.all_fields():
            for candidate in self._candidates(field):
                try:
                    convert(field, candidate)
                except SettingsError as error:
                    found.extend(error.problems)
        found.extend(self._unknown(self.file.values, self.file.where))
        return found

    def validate(self) -> list[str]:
        """Check every layer.

        :return: a line for each thing in a plugin's layer that is ignored
        :raises SettingsError: with a line for each mistake of the user's
        """
        problems = self.problems() if self.file.values or self._layers else self._problems_outside_files()
        if problems:
            raise SettingsError(tuple(problems))
        return [line for layer in self._layers for line in self._ignored(layer)]

    def _ignored(self, layer: SettingsLayer) -> Iterator[str]:
        for line in self._unknown(layer.values, partial(_layer_where, layer)):
            yield f"{line} (ignored)"
        yield from self._forbidden(layer)

    def _problems_outside_files(self) -> list[str]:
        """Without files only variables, flags and the session can be wrong: check just what is set."""
        found: list[str] = []
        for field in self.all_fields():
            try:
                self._value(field)
            except SettingsError as error:
                found.extend(error.problems)
        return found

    def _forbidden(self, layer: SettingsLayer) -> Iterator[str]:
        for field in self.all_fields():
            if not field.setting.project and value_at(layer.values, field.path) is not MISSING:
                yield f"{_layer_where(layer, field.path)}: {field.key} is ignored: only your own settings may set it"

    def _unknown(self, values: Mapping[str, Any], where: Callable[[KeyPath], str]) -> Iterator[str]:
        for key in self._unknown_keys(values):
            if not self._may_belong_to_a_missing_plugin(key, values):
                near = visible(nearest(key_of(key), [filled(each, key) for each in self.fields]))
                yield f"{where(key)}: there is no setting {visible(key_of(key))!r}{near}"

    def unchecked(self) -> list[str]:
        """List, a line each, what in the user's file may belong to a plugin that is disabled or failed."""
        values = self.file.values
        keys = (key for key in self._unknown_keys(values) if self._may_belong_to_a_missing_plugin(key, values))
        return [f"{self.file.where(key)}: {visible(key_of(key))} is unknown, so it was not checked" for key in keys]

    def _may_belong_to_a_missing_plugin(self, key: KeyPath, values: Mapping[str, Any]) -> bool:
        return self._incomplete and isinstance(value_at(values, key), Mapping)

    def _unknown_keys(self, values: Mapping[str, Any]) -> Iterator[KeyPath]:
        known = (*(field.path for field in self.fields.values()), *(each.path for each in self.sections))
        return (key for key in unknown_keys(values, known) if key != ("version",))


def _layer_where(layer: SettingsLayer, key: KeyPath) -> str:
    line = layer.lines.get(".".join(key))
    return f"{layer.path}:{line}" if line else str(layer.path)
