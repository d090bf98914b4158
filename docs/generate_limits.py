"""What can which model do? Writes the database of the room `limits` from tables of facts.

Run it as `python docs/generate_limits.py TAGS REFERENCE`: TAGS lists the tags of Ollama's library (model, tag, digest,
size, context, input, parameters_b …) as its pages show them, REFERENCE facts that were checked against a second source
(model_name, family, context_window, tools, vision, thinking, embedding, max_output, digest …). What no table says, and
what the pages show wrongly, stands in limits_curated.tsv with its reason. With `--check` it writes nothing and exits
with 1 when the database is not what the tables give.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from ollm_plugins.limits.database import FILE, QUANTIZED, Facts, certain
from ollm_plugins.limits.names import LATEST, without_quantization

CURATED: Final = Path(__file__).with_name("limits_curated.tsv")
EXACT: Final = {"39K": 40_000, "125K": 128_000, "195K": 200_000, "250K": 256_000, "488K": 500_000, "976K": 1_000_000}
"""Windows that are no multiple of 1024, as the pages round them down."""

CAPABILITIES: Final = ("tools", "vision", "thinking", "embedding")
PROFILES: Final = ("fast", "general", "code", "creative")
SMALL: Final = 4.0
"""Billions of parameters, at work for each token, up to which a model is fast."""

ROOMY: Final = 8192
"""Tokens of context from which a model is of general use."""

HEAD: Final = """\
# What the models of Ollama's library can do. Written by docs/generate_limits.py; change docs/limits_curated.tsv instead.
# A row without a line's name goes on with the line above. Columns, with tabs between them:
# line, the tag that is its "latest", tags, context window in tokens, family, capabilities, maximum output in tokens,
# routing profiles. A tag stands for all its quantizations; "8b-q*" for those of 8b where they are another build than
# 8b alone. After @ stand the first digits of the manifest's digest.
"""
_SIZE: Final = re.compile(r"e?\d+(?:\.\d+)?[bm]|\d+x\d+b")
_BILLIONS: Final = re.compile(r"\be?(\d+(?:\.\d+)?)b\b")
_ACTIVE: Final = re.compile(r"\ba(\d+(?:\.\d+)?)b\b")


class Tag(Struct, frozen=True):
    """A tag of the library.

    :param context: as its page shows it
    :param parameters: in billions; 0 when unknown
    """

    line: str
    tag: str
    digest: str = ""
    context: str = ""
    vision: bool = False
    parameters: float = 0.0

    @property
    def name(self) -> str:
        """The full name, in lower case."""
        return f"{self.line}:{self.tag}".lower()


class Rule(Struct, frozen=True):
    """A curated row: what is changed for the names that fit a pattern."""

    pattern: str
    context: str
    family: str
    capabilities: str
    output: str
    profiles: str


Known = Mapping[str, Facts]
"""Checked facts, by name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the database; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("tags", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--curated", type=Path, default=CURATED)
    parser.add_argument("--output", type=Path, default=FILE)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    text = generate(read_tags(given.tags), read_reference(given.reference), read_rules(given.curated))
    if given.check:
        return 0 if given.output.read_text(encoding="utf-8") == text else 1
    given.output.write_text(text, encoding="utf-8")
    print(f"{given.output}: {len(text.encode())} bytes")
    return 0


def read_tags(path: Path) -> list[Tag]:
    """Read the table of tags."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Tag(
                row["model"],
                row["tag"].lower(),
                row["digest"],
                row["context"],
                "vision" in row["input"],
                float(row["parameters_b"] or 0),
            )
            for row in csv.DictReader(file)
        ]


def read_reference(path: Path) -> dict[str, Facts]:
    """Read the checked facts, by name with tag."""
    found: dict[str, Facts] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            name = row["model_name"].lower()
            able = frozenset(each for each in CAPABILITIES if row[each] == "1")
            output = int(row["max_output"]) if row["max_output"] else None
            found[name if ":" in name else f"{name}:{LATEST}"] = Facts(
                int(row["context_window"]), row["family"], able, output
            )
    return found


def read_rules(path: Path) -> list[Rule]:
    """Read the curated table."""
    rows = path.read_text(encoding="utf-8").splitlines()[1:]
    return [Rule(*row.split("\t")[:6]) for row in rows]


def generate(tags: Sequence[Tag], reference: Known, rules: Sequence[Rule]) -> str:
    """Return the text of the database.

    :raises ValueError: nothing says how large some window is
    """
    lines: dict[str, list[Tag]] = {}
    for tag in (*tags, *_missing(tags, reference, rules)):
        lines.setdefault(tag.line, []).append(tag)
    return HEAD + "".join(_rows(name, lines[name], reference, rules) for name in sorted(lines))


def _missing(tags: Iterable[Tag], reference: Known, rules: Iterable[Rule]) -> list[Tag]:
    """Names that only the other tables have."""
    known = {tag.name for tag in tags}
    others = [*reference, *(rule.pattern for rule in rules if "*" not in rule.pattern)]
    names = [name for name in dict.fromkeys(others) if name not in known]
    return [Tag(line, tag) for line, _, tag in (name.partition(":") for name in names)]


def _rows(line: str, tags: Sequence[Tag], reference: Known, rules: Sequence[Rule]) -> str:
    """Write a line: what most tags have in common first, then the exceptions."""
    builds: dict[str, list[Tag]] = {}
    for tag in tags:
        builds.setdefault(tag.digest or tag.tag, []).append(tag)
    mine = {name: facts for name, facts in reference.items() if name.startswith(f"{line}:")}
    facts = {}
    for build in builds.values():
        known = _facts_of(build, mine, rules)
        facts.update(dict.fromkeys((tag.tag for tag in build), known))
    names = _main_names(builds.values())
    kept = {tag: known for tag, known in _without_quantizations(facts).items() if tag != LATEST or LATEST in names}
    latest = next((tag.digest or tag.tag for tag in tags if tag.tag == LATEST), "")
    alias = next(iter(_main_names([builds[latest]]))) if latest else ""
    groups: dict[Facts, list[str]] = {}
    for tag in sorted(kept, key=_in_order):
        groups.setdefault(kept[tag], []).append(f"{tag}@{names[tag]}" if names.get(tag) else tag)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[1]))
    return "".join(
        "\t".join([*((line, alias) if number == 0 else ("", "")), " ".join(group), *_cells(known)]) + "\n"
        for number, (known, group) in enumerate(ordered)
    )


def _main_names(builds: Iterable[Sequence[Tag]]) -> dict[str, str]:
    """Give each build that has a name without a quantization its shortest one, with digits of its digest."""
    found = {}
    for build in builds:
        plain = [tag for tag in build if not without_quantization(tag.tag)[1]]
        named = min(plain, key=lambda tag: (tag.tag == LATEST, not _SIZE.match(tag.tag), len(tag.tag)), default=None)
        if named is not None:
            found[named.tag] = named.digest[:8]
    return found


def _without_quantizations(facts: Known) -> dict[str, Facts]:
    """Let a tag stand for its quantizations where they are alike; elsewhere the smaller holds for those unknown."""
    stems: dict[str, dict[str, Facts]] = {}
    for tag, known in facts.items():
        stems.setdefault(without_quantization(tag)[0], {})[tag] = known
    kept: dict[str, Facts] = {}
    for stem, builds in stems.items():
        quantized = [known for tag, known in builds.items() if tag != stem]
        if stem in builds:
            kept[stem] = builds[stem]
        if quantized and any(known != builds.get(stem) for known in quantized):
            common = certain(quantized)
            kept[f"{stem}-{QUANTIZED}".lstrip("-") if stem in builds or not stem else stem] = common
            kept.update({tag: known for tag, known in builds.items() if tag != stem and known != common})
    return kept


def _facts_of(build: Sequence[Tag], reference: Known, rules: Sequence[Rule]) -> Facts:
    """Put together what is known of one build under all its tags: page, checked facts, curated rows.

    :raises ValueError: nothing says how large its window is
    """
    facts = _derived(build, reference)
    fitting = [rule for rule in rules if any(fnmatchcase(tag.name, rule.pattern) for tag in build)]
    for rule in fitting:
        facts = _changed(facts, rule)
    checked = next((reference[tag.name] for tag in build if tag.name in reference), None)
    if checked is not None:
        facts = structs.replace(checked, max_output_tokens=checked.max_output_tokens or facts.max_output_tokens)
    if facts.context_window == 0:
        raise ValueError(f"{build[0].name}: no table says how large its context window is")
    return structs.replace(facts, profiles=_profiles(build, facts, fitting))


def _derived(build: Sequence[Tag], reference: Known) -> Facts:
    """What the page shows, and what is certain from checked builds of the same size, or else of the same line."""
    sizes = {size[0] for tag in build for size in _SIZE.finditer(tag.tag)}
    same = [facts for name, facts in reference.items() if any(size[0] in sizes for size in _SIZE.finditer(name))]
    checked = certain(same or reference.values()) if reference else Facts(0)
    able = checked.capabilities
    if any(tag.context for tag in build):  # it has a page, which says whether it sees
        able = able - {"vision"} | ({"vision"} if any(tag.vision for tag in build) else set())
    window = min(_window(tag.context) for tag in build)
    return Facts(window, checked.family, able)


def _window(shown: str) -> int:
    return EXACT.get(shown) or (int(shown[:-1]) * 1024 if shown.endswith("K") else 0)


def _changed(facts: Facts, rule: Rule) -> Facts:
    """Apply a curated row; what it leaves empty stays."""
    return structs.replace(
        facts,
        context_window=int(rule.context) if rule.context else facts.context_window,
        family=rule.family or facts.family,
        capabilities=frozenset(_merged(set(facts.capabilities), rule.capabilities)),
        max_output_tokens=int(rule.output) if rule.output else facts.max_output_tokens,
    )


def _merged(words: set[str], change: str) -> set[str]:
    """Change a set: "+a,b" adds, "-a" takes away, "=a" or "a" replaces; an empty change leaves it."""
    if not change:
        return words
    sign = change[0] if change[0] in "+-=" else "="
    given = {word for word in change.lstrip("+-=").split(",") if word}
    return {"+": words | given, "-": words - given, "=": given}[sign]


def _profiles(build: Sequence[Tag], facts: Facts, rules: Sequence[Rule]) -> tuple[str, ...]:
    """Small models are fast, and roomy ones of general use; the curated rows know the rest."""
    if "embedding" in facts.capabilities:
        return ()
    given = [tag.parameters for tag in build if tag.parameters]
    named = [float(size[1]) for tag in build for size in _BILLIONS.finditer(tag.tag)]
    parameters = min(given or named, default=0.0)
    active = [float(found[1]) for tag in build for found in _ACTIVE.finditer(tag.tag)]
    fits = {"fast": 0 < min([parameters, *active]) <= SMALL, "general": facts.context_window >= ROOMY}
    profiles = {name for name, fit in fits.items() if fit}
    for rule in rules:
        profiles = _merged(profiles, rule.profiles)
    return tuple(each for each in PROFILES if each in profiles)


def _in_order(tag: str) -> tuple[float, str]:
    """By size, as people look for it."""
    size = re.match(r"e?(\d+(?:\.\d+)?)([bm])", tag)
    return (float(size[1]) / (1000 if size[2] == "m" else 1) if size else 0.0, tag)


def _cells(facts: Facts) -> list[str]:
    able = ",".join(each for each in CAPABILITIES if each in facts.capabilities)
    return [
        str(facts.context_window),
        facts.family,
        able,
        str(facts.max_output_tokens or ""),
        ",".join(facts.profiles),
    ]


if __name__ == "__main__":
    sys.exit(main())
