"""Where in a text do variables stand, and what becomes of it when they are filled?

A place is `{name}` or `{name:default}`. All other text stays as it is, whatever braces it holds. Only where a place would
stand, two braces mean one: `{{name}}` is the text `{name}`, `{{{name}}}` the value in braces, and so on. Braces that are
more on one side than on the other are text: `{"a": {name}}` ends with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

NAME = re.compile(r"[^\W\d]\w*")
"""What the name of a variable must match."""

_PLACE = re.compile(r"(?<!\{)(\{++)([^\W\d]\w*+)(?::([^{}\n]*+))?(\}++)")
"""Braces, a name, perhaps a default, braces. A run of braces is tried once, from its beginning, and nothing is tried
twice, so that the time is linear in the text's length."""


class Place(Struct, frozen=True):
    """Where the value of a variable goes.

    :param default: what stands behind the colon; None where there is no colon
    :param line: of the text, from 1
    """

    name: str
    default: str | None = None
    line: int = 0


Segment = str | Place
IsVariable = Callable[[str, str | None], bool]
"""Says of a name, and of the default behind it, whether they make a place."""


def split(text: str, is_variable: IsVariable) -> tuple[Segment, ...]:
    """Split a text into what stays and where values go."""
    return tuple(_merged(_segments(text, is_variable)))


def _segments(text: str, is_variable: IsVariable) -> Iterator[Segment]:
    at, line = 0, 1
    for found in _PLACE.finditer(text):
        opening, name, default, closing = found.groups()
        if not is_variable(name, default):
            continue
        braces = min(len(opening), len(closing))
        start, end = found.end(1) - braces, found.start(4) + braces
        line += text.count("\n", at, start)
        yield text[at:start]
        kept = braces // 2
        yield "{" * kept
        yield Place(name, default, line) if braces % 2 else text[found.end(1) : found.start(4)]
        yield "}" * kept
        at = end
    yield text[at:]


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Put neighbouring texts together, and leave out empty ones."""
    pending: list[str] = []
    for each in segments:
        if isinstance(each, str):
            pending.append(each)
            continue
        if text := "".join(pending):
            yield text
        pending.clear()
        yield each
    if text := "".join(pending):
        yield text


def joined(segments: Sequence[Segment], is_variable: IsVariable) -> str:
    """Return a text that is split into these segments: the opposite of `split`, neighbouring texts put together."""
    merged = tuple(_merged(segments))
    parts: list[str] = []
    for number, each in enumerate(merged):
        if isinstance(each, str):
            parts.append(escaped(each, is_variable))
            continue
        before, after = merged[number - 1] if number else "", merged[number + 1] if number + 1 < len(merged) else ""
        parts.append(_written(each, _run(before, "{", at_end=True), _run(after, "}", at_end=False)))
    return "".join(parts)


def _written(place: Place, before: int, after: int) -> str:
    """Write a place between so many braces of the text, which must be doubled as far as they are in pairs."""
    more = min(before, after)
    default = "" if place.default is None else f":{place.default}"
    return f"{'{' * (more + 1)}{place.name}{default}{'}' * (more + 1)}"


def _run(text: Segment, brace: str, *, at_end: bool) -> int:
    """Count the braces at an end of a text; a place beside another one has none."""
    if not isinstance(text, str):
        return 0
    return len(text) - len(text.rstrip(brace) if at_end else text.lstrip(brace))


def escaped(text: str, is_variable: IsVariable) -> str:
    """Return what must be written so that a text is no place in any part."""

    def doubled(found: re.Match[str]) -> str:
        opening, name, default, closing = found.groups()
        if not is_variable(name, default):
            return found[0]
        braces = min(len(opening), len(closing))
        return f"{'{' * braces}{found[0]}{'}' * braces}"

    return _PLACE.sub(doubled, text)


def candidates(text: str) -> Iterator[Place]:
    """Yield whatever has the form of a place, where it is written with single braces."""
    at, line = 0, 1
    for found in _PLACE.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        if min(len(found[1]), len(found[4])) == 1 and not _looks_foreign(text, found):
            yield Place(found[2], found[3], line)


def _looks_foreign(text: str, found: re.Match[str]) -> bool:
    r"""Whether it is an argument of LaTeX (`\frac{a}{b}`, `x_{i}`), `${name}` of a shell, or an object of code."""
    before = text[found.start() - 1 : found.start()]
    is_word = found.start() > 0 and bool(re.match(r"[\w}\]^$#%@\\]", before))
    return is_word or (found[3] is not None and found[3][:1] in ("", " ", "\t"))


def filled(segments: Sequence[Segment], value_of: Callable[[Place], str]) -> str:
    """Put values into a text; what a value holds is never looked at."""
    return "".join(each if isinstance(each, str) else value_of(each) for each in segments)


def first_defaults(segments: Iterable[Segment]) -> Mapping[str, str]:
    """Return the first default that is written for each name."""
    found: dict[str, str] = {}
    for each in segments:
        if isinstance(each, Place) and each.default is not None:
            found.setdefault(each.name, each.default)
    return found
