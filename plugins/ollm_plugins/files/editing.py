"""How is a part of a text replaced, and what is a model told when that part is not there?"""

from __future__ import annotations

import difflib
import re
from itertools import islice
from typing import Final

from ollm.api import UsageError
from ollm_plugins.files.contents import Text, with_newline
from ollm_plugins.files.wishes import Edit

COMPARED: Final = 5_000
"""Lines among which a similar one is looked for; it takes about a second."""
WIDTH: Final = 300
SHOWN: Final = 6
"""Lines that are shown of what is similar."""
PLACES: Final = 10
"""Places that are named where a part stands in several."""


def edited(text: Text, wish: Edit, name: str, most: int) -> str:
    """Return a text in which a part is replaced. The part and what replaces it get the line ends of the text.

    :param name: of the file, for what is said
    :param most: characters that the text may have then
    :raises UsageError: the part is not there, or stands in several places; says what to do
    """
    if not wish.old:
        raise UsageError("`old` is empty", "Give the text to replace; `write_file` writes a whole file.")
    if wish.old == wish.new:
        raise UsageError("`old` and `new` are the same, so nothing would change")
    for newline in dict.fromkeys((text.newline, "\n", "\r\n")):
        old = with_newline(wish.old, newline)
        new = with_newline(wish.new, newline if "\n" in old else text.newline)
        found = text.text.count(old)
        if found == 1 or (found and wish.all):
            _refuse_large(len(text.text) + found * (len(new) - len(old)), most, name)
            return text.text.replace(old, new)
        if found:
            raise _ambiguous(text.text, old, name, found)
    raise _absent(with_newline(text.text, "\n"), with_newline(wish.old, "\n"), name)


def _refuse_large(size: int, most: int, name: str) -> None:
    """:raises UsageError: a text would be too large; said before it is made, since it could fill the memory"""
    if size > most:
        raise UsageError(f"{name} would have {size:,} characters; {most:,} are allowed, so nothing was changed")


def _ambiguous(text: str, old: str, name: str, found: int) -> UsageError:
    first = islice(re.finditer(re.escape(old), text), PLACES)
    places = [str(text.count("\n", 0, match.start()) + 1) for match in first]
    lines = ", ".join(places) + (", …" if found > PLACES else "")
    problem = f"`old` stands {found} times in {name} (lines {lines}), so nothing was changed"
    return UsageError(problem, "Take more of the lines around the one you mean, or set `all` to replace it everywhere.")


def _absent(text: str, old: str, name: str) -> UsageError:
    """Return what to say of a part that is not there: what stands there instead, as far as that can be guessed."""
    problem = f"`old` is not in {name}, so nothing was changed"
    bare = re.sub(r"(?m)^[ \t]*\d+(?:\t|[:|] ?)", "", old)
    if bare != old and bare.strip() and bare in text:
        return UsageError(problem, "It stands there without the line numbers: leave them out.")
    lines, wanted = text.split("\n"), old.strip("\n").split("\n")
    at = _apart_from_spaces(lines, wanted)
    if at is not None:
        exact = "\n".join(lines[at : at + len(wanted)])
        remedy = (
            f"Only its spaces, tabs or empty lines differ from line {at + 1} on, which must be copied exactly:\n{exact}"
        )
        return UsageError(problem, remedy)
    near = _nearest(lines, wanted)
    if near is None:
        return UsageError(problem, "Read the file again; nothing in it is similar.")
    exact = "\n".join(lines[near : near + max(1, min(len(wanted), SHOWN))])
    return UsageError(problem, f"The most similar lines begin with line {near + 1}:\n{exact}")


def _apart_from_spaces(lines: list[str], wanted: list[str]) -> int | None:
    """Return the number of the first line from which on all lines are the wanted ones but for their white space."""
    bare, sought = ("".join(f"\n{' '.join(each.split())}" for each in those) + "\n" for those in (lines, wanted))
    at = bare.find(sought) if sought.strip() else -1  # one search takes no longer the more lines are alike
    return bare.count("\n", 0, at) if at >= 0 else None


def _nearest(lines: list[str], wanted: list[str]) -> int | None:
    """Return the number of the line that is most like the longest wanted one, moved to where the first would stand."""
    offset, sought = max(enumerate(wanted), key=lambda each: len(each[1].strip()))
    matcher = difflib.SequenceMatcher(b=sought.strip()[:WIDTH])
    best, ratio = None, 0.6
    for number, line in enumerate(lines[:COMPARED]):
        matcher.set_seq1(line.strip()[:WIDTH])
        if matcher.real_quick_ratio() > ratio and matcher.quick_ratio() > ratio and matcher.ratio() > ratio:
            best, ratio = number, matcher.ratio()
    return None if best is None else max(0, best - offset)
