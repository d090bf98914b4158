"""What does the database say of a model of Ollama's library?

`models.tsv` is made by `docs/generate_limits.py`; its head says what the columns mean. It is read once, when it is
first needed, in about a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from ollm_plugins.limits.names import LATEST, without_quantization

FILE: Final = Path(__file__).with_name("models.tsv")
QUANTIZED: Final = "q*"
"""Stands in the data for all quantizations of a tag, where they differ from the tag without one."""

CLOUD: Final = "cloud"
_DIGEST_DIGITS: Final = 8


class Facts(Struct, frozen=True):
    """What is known of a tag, or of several alike.

    :param context_window: in tokens
    :param family: empty when nobody knows
    :param capabilities: of tools, vision, thinking, embedding
    :param doubtful: capabilities that some of those have that this may be, and others have not
    """

    context_window: int
    family: str = ""
    capabilities: frozenset[str] = frozenset()
    max_output_tokens: int | None = None
    profiles: tuple[str, ...] = ()
    doubtful: frozenset[str] = frozenset()


class Found(Struct, frozen=True):
    """An answer of the database.

    :param line: name of the model line
    :param tag: the tag that answered; empty when the whole line did
    :param exact: whether it is this very model, up to quantization; else what is certain for all that it may be
    """

    facts: Facts
    line: str
    tag: str
    exact: bool

    @property
    def matched(self) -> str:
        """The entry that answered, e.g. "llama3.1:8b"."""
        return f"{self.line}:{self.tag}" if self.tag else self.line


class Line(Struct):
    """A model line, such as llama3.1.

    :param latest: the tag that `latest` is another name of; empty when nobody knows
    :param digests: first digits of the manifest's digest, by tag
    """

    name: str
    latest: str
    tags: dict[str, Facts] = {}
    digests: dict[str, str] = {}

    def find(self, tag: str) -> Found:
        """Find a tag: itself, up to its quantization, or what is certain for all tags that it may be."""
        if tag == LATEST and self.latest:
            tag = self.latest
        stem, quantized = without_quantization(tag)
        keys = (tag, f"{stem}-{QUANTIZED}".lstrip("-"), stem) if quantized else (tag,)
        for key in keys:
            if key in self.tags:
                return Found(self.tags[key], self.name, key, exact=True)
        return self._in_the_cloud(tag) or self.near(stem)

    def is_build(self, tag: str) -> bool:
        """Whether a tag is known, up to its quantization."""
        return tag in self.tags or f"{tag}-{QUANTIZED}" in self.tags

    def _in_the_cloud(self, tag: str) -> Found | None:
        """A cloud's copy of a tag has its weights, and answers of another length."""
        stem, dash, source = tag.rpartition("-")
        if source != CLOUD or not dash or stem not in self.tags:
            return None
        return Found(structs.replace(self.tags[stem], max_output_tokens=None), self.name, stem, exact=False)

    def near(self, stem: str) -> Found:
        """Say what is certain for all tags that begin alike, with whole words; at worst for the line."""
        words = stem.split("-")
        remote = words[-1] == CLOUD  # a tag that does not say so is none of the cloud's copies
        tags = {tag: facts for tag, facts in self.tags.items() if remote or not tag.endswith(CLOUD)} or self.tags
        for count in range(len(words), 0, -1):
            head = "-".join(words[:count])
            alike = [facts for tag, facts in tags.items() if tag == head or tag.startswith(f"{head}-")]
            if head and alike:
                return Found(certain(alike), self.name, f"{head}*", exact=False)
        return Found(certain(tags.values()), self.name, "", exact=False)


class Database(Struct):
    """All model lines.

    :param by_digest: line and tag, by the first digits of the manifest's digest
    :param by_family: what is certain for all models of a family, worked out when it is first asked for
    """

    lines: dict[str, Line]
    by_digest: dict[str, tuple[str, str]]
    by_family: dict[str, Facts] = {}

    def of_digest(self, digest: str) -> Found | None:
        """Find the model with a manifest; None when it is none of the usual builds."""
        digits = digest.lower().removeprefix("sha256:")
        known = self.by_digest.get(digits[:_DIGEST_DIGITS]) if len(digits) >= _DIGEST_DIGITS else None
        return self.lines[known[0]].find(known[1]) if known else None

    def of_family(self, family: str) -> Facts | None:
        """Say what is certain for all models of a family; None when there is none of it."""
        if not self.by_family:
            members: dict[str, list[Facts]] = {}
            for line in self.lines.values():
                for facts in line.tags.values():
                    members.setdefault(facts.family, []).append(facts)
            self.by_family = {name: certain(facts) for name, facts in members.items() if name}
        return self.by_family.get(family)


def certain(several: Iterable[Facts]) -> Facts:
    """Return what holds for all: the smallest window, and what all can do."""
    every = list(several)
    outputs = [each.max_output_tokens for each in every if each.max_output_tokens]
    families = {each.family for each in every}
    shared = frozenset[str].intersection(*(each.capabilities for each in every))
    return Facts(
        min(each.context_window for each in every),
        families.pop() if len(families) == 1 else "",
        shared,
        min(outputs) if outputs else None,
        tuple(name for name in every[0].profiles if all(name in each.profiles for each in every)),
        frozenset[str]().union(*(each.capabilities | each.doubtful for each in every)) - shared,
    )


@cache
def load() -> Database:
    """Read the database that comes with the room."""
    return read(FILE.read_text(encoding="utf-8").splitlines())


def read(rows: Sequence[str]) -> Database:
    """Read the rows of a database file."""
    database = Database({}, {})
    line = Line("", "")
    for row in rows:
        if row.startswith("#"):
            continue
        name, latest, tags, *facts = row.split("\t")
        if name:
            line = database.lines[name] = Line(name, latest, {}, {})
        known = _facts(facts)
        for each in tags.split(" "):
            tag, _, digest = each.partition("@")
            line.tags[tag] = known
            if digest:
                database.by_digest[digest] = (line.name, tag)
                line.digests[tag] = digest
    return database


def _facts(cells: Sequence[str]) -> Facts:
    context, family, capabilities, output, profiles = cells
    return Facts(
        int(context),
        family,
        frozenset(capabilities.split(",")) if capabilities else frozenset(),
        int(output) if output else None,
        tuple(profiles.split(",")) if profiles else (),
    )
