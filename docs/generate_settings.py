"""Which settings are there, for a reader? Writes the tables of settings in docs/rooms/*.md from their definitions.

Run it as `python docs/generate_settings.py`; with `--check` it writes nothing, names each page that is old, and exits
with 1. A page says which sections it wants by a line `<!-- settings: options -->`, several joined by commas, all by
`<!-- settings: all -->`; what stands between that line and `<!-- end of settings -->` is made here.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ollm.app import App
from ollm.discovery import discover
from ollm.output import to_document
from ollm.settings_check import allowed
from ollm.settings_model import Field, Section

PAGES = Path(__file__).with_name("rooms")
MARKED = re.compile(r"(<!-- settings: ([^>]+?) -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def sections() -> dict[str, Section]:
    """List the settings sections of ollm without plugins of others, by name.

    :raises RuntimeError: one of our own plugins has failed, so that its sections may be missing
    """
    with tempfile.TemporaryDirectory() as home:
        app = App({"OLLM_HOME": home}, records=[record for record in discover() if record.first_party])
    if app.host.failures:
        raise RuntimeError(str(app.host.failures[0]))
    return {section.name: section for section in app.settings.sections}


def page(text: str, known: dict[str, Section]) -> str:
    """Return a page with its tables made anew.

    :raises KeyError: it asks for a section that does not exist
    """

    def tables(found: re.Match[str]) -> str:
        names = sorted(known) if found[2] == "all" else [name.strip() for name in found[2].split(",")]
        heading = found[2] == "all"
        made = "\n".join(_part(known[name], known, heading=heading) for name in names)
        return f"{found[1]}\n{made}\n{found[3]}"

    return MARKED.sub(tables, text)


def _part(section: Section, known: dict[str, Section], *, heading: bool) -> str:
    said = (section.model.__doc__ or "").strip().splitlines()[0]
    head = f"### {section.name}\n\n{said}\n\n" if heading else ""
    twin = next((each for each in known.values() if each.model in section.model.__mro__[1:]), None)
    return head + (f"The same settings as in `{twin.name}`.\n" if twin else table(section.fields))


def table(fields: Sequence[Field]) -> str:
    """Return a table of settings; a column in which nothing would stand is left out."""
    columns = ("setting", "flag", "variable", "values", "default", "meaning")
    rows = [tuple(_cells(field)) for field in fields]
    kept = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(line[number] for number in kept)} |\n" for line in lines)


def _cells(field: Field) -> Iterator[str]:
    said = field.setting
    default = to_document(field.default)
    yield _code(field.key)
    yield ", ".join(map(_code, said.flags))
    yield ", ".join(map(_code, (*said.env, *said.borrowed)))
    yield _plain(allowed(field))
    yield "" if default in (None, "", [], {}) else _code(json.dumps(default, ensure_ascii=False))
    yield _plain(said.help)


def _code(text: str) -> str:
    return f"`{_plain(text)}`"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main(arguments: list[str]) -> int:
    """Write the pages, or check them.

    :return: the exit code
    """
    known = sections()
    old = []
    for path in sorted(PAGES.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (made := page(text, known)) != text:
            old.append(path)
            if "--check" not in arguments:
                path.write_text(made, encoding="utf-8")
    if "--check" in arguments:
        for path in old:
            print(f"{path} is old: run `python docs/generate_settings.py`", file=sys.stderr)
        return int(bool(old))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
