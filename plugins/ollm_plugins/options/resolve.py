"""Which value of each option holds for a model, and what did it beat?

The layer decides first, as for every setting: what a flag says beats what a file says, whatever it says it of. Within
a layer the more specific beats the more general: a model's own options, those of a glob, the provider's, and those for
all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from ollm.api import Candidate, SettingsReader, camel, fitting, key_of
from ollm_plugins.options.settings import OptionsSettings

MODELS, PROVIDERS, ALL = "models", "providers", "options"
OPTIONS = OptionsSettings.__struct_fields__
"""The options' names in Python."""
EXTRA = "extra"


class Given(Struct, frozen=True):
    """A value that some layer gives to an option.

    :param key: what it is called in a file, e.g. models."llama3.1:8b".options.seed, or options.extra.num_gpu
    :param setting: the key of the setting that it stands in, e.g. options.extra
    :param value: in the declared type
    """

    key: str
    setting: str
    candidate: Candidate
    value: Any


class Resolved(Struct, frozen=True):
    """What holds for one option.

    :param name: in Python, e.g. "max_tokens"; "extra.num_gpu" for an option under the provider's own name
    :param winner: None if nobody has set it, so that it is left to the model
    :param beaten: the strongest first
    """

    name: str
    winner: Given | None = None
    beaten: tuple[Given, ...] = ()

    @property
    def value(self) -> Any:
        """What is sent; None or nothing in it if the model's own default holds."""
        return self.winner.value if self.winner else None


class _Place(Struct, frozen=True):
    """Where options stand that concern a model.

    :param path: of the section
    :param rank: the more specific, the higher
    """

    path: tuple[str, ...]
    rank: tuple[int, int]


def resolve(settings: SettingsReader, provider: str, model: str) -> list[Resolved]:
    """Say for every option what holds for a model of a provider; empty names leave out what is said of single ones.

    Of `extra`, each name is an option by itself.

    :raises SettingsError: a value does not fit
    """
    places = list(_places(settings, provider, model))
    found = {name: list(_given(settings, name, places)) for name in OPTIONS}
    extra = found.pop(EXTRA)
    names = dict.fromkeys(name for given, _ in extra for name in given.value)
    plain = [_resolved(name, given) for name, given in found.items()]
    return [*plain, *(_resolved(f"{EXTRA}.{name}", _named(name, extra)) for name in names)]


Ranked = tuple[Given, tuple[int, ...]]


def _resolved(name: str, given: Iterable[Ranked]) -> Resolved:
    ordered = [each for each, _ in sorted(given, key=lambda one: one[1], reverse=True)]
    return Resolved(name, ordered[0], tuple(ordered[1:])) if ordered else Resolved(name)


def _given(settings: SettingsReader, name: str, places: Sequence[_Place]) -> Iterator[Ranked]:
    """Yield every value that some layer gives to an option, with its rank."""
    for place in places:
        key = key_of((*place.path, camel(name)))
        for number, candidate in enumerate(settings.candidates(key)):
            if candidate.layer != "default":
                given = Given(key, key, candidate, settings.value_of(key, candidate))
                yield given, (candidate.rank, *place.rank, number)


def _named(name: str, extra: Sequence[Ranked]) -> Iterator[Ranked]:
    """Yield what is given to one of the options under the provider's own names."""
    for given, rank in extra:
        if name in given.value:
            yield Given(f"{given.key}.{key_of((name,))}", given.key, given.candidate, given.value[name]), rank


def _places(settings: SettingsReader, provider: str, model: str) -> Iterator[_Place]:
    """Yield the sections that concern a model."""
    yield _Place((ALL,), (0, 0))
    providers = _fitting_provider(provider, settings.entries(f"{PROVIDERS}.*.{ALL}")) if provider else []
    models = settings.entries(f"{MODELS}.*.{ALL}") if model else ()
    # Of two spellings of one model, the one that is letter for letter the same goes first.
    fit = fitting(model, sorted(models, key=lambda each: each != model))
    for rank, above, entries in ((1, PROVIDERS, providers), (2, MODELS, fit)):
        for position, entry in enumerate(entries):
            yield _Place((above, entry, ALL), (rank, -position))


def _fitting_provider(name: str, entries: Iterable[str]) -> list[str]:
    """Return the names and globs that fit a provider's name, the most specific first."""
    wanted = name.lower()
    found = [each for each in entries if fnmatchcase(wanted, each.lower())]
    return sorted(found, key=lambda each: (each.lower() != wanted, -len(each)))
