"""Which hooks are there, for a reader? Writes docs/hooks.md from ollm/specs.py and ollm/contributions.py.

Run it as `python docs/generate_hooks.py`; with `--check` it writes nothing and exits with 1 when the page is old.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from msgspec import NODEFAULT

from ollm import contexts, contributions, specs

PAGE = Path(__file__).with_name("hooks.md")
INTRODUCTION = """\
# Hooks

<!-- Written by docs/generate_hooks.py from ollm/specs.py and ollm/contributions.py; change those instead. -->

A plugin is a class that derives from `Specs` and implements the hooks it needs, each marked with `@hookimpl`;
[plugins.md](plugins.md) builds one from nothing. A hook is cheap and returns contributions; what costs time is
named in them by a reference, `"package.module:attribute"`. Every name below is imported from `ollm.api`.
This is version {version} of the plugin API.

| hook | hands in |
|---|---|
"""
_EXAMPLE = re.compile(r"^Example::\n+(.*)\Z", re.MULTILINE | re.DOTALL)
_PARAM = re.compile(r"^:param (\w+): (.*(?:\n +.*)*)$", re.MULTILINE)


def hooks() -> list[FunctionType]:
    """List the hooks in the order of their declaration."""
    return [each for name, each in vars(specs.Specs).items() if name.startswith("ollm_")]


def example(hook: FunctionType) -> str:
    """Return the example in a hook's docstring.

    :raises ValueError: there is none
    """
    found = _EXAMPLE.search(inspect.getdoc(hook) or "")
    if found is None:
        raise ValueError(f"{hook.__name__} has no example")
    code = textwrap.dedent(found[1]).rstrip() + "\n"
    return re.sub(r"\n\n(?=\S)", "\n\n\n", code)  # as a formatter wants it where nothing is indented


def returned(hook: FunctionType) -> list[type[Any]]:
    """List the kinds of contribution that a hook returns."""
    return [getattr(contributions, name) for name in re.findall(r"\w+", hook.__annotations__["return"])[1:]]


def page() -> str:
    """Return the whole page."""
    rows = "".join(f"| [`{hook.__name__}`](#{hook.__name__}) | {_first_line(hook)} |\n" for hook in hooks())
    parts = [INTRODUCTION.format(version=specs.API_VERSION) + rows, *map(_hook, hooks()), *_contexts()]
    return "\n".join(parts)


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _hook(hook: FunctionType) -> str:
    prose = re.split(r"^:param|^:return", inspect.getdoc(hook) or "", maxsplit=1, flags=re.MULTILINE)[0].strip()
    kinds = "\n".join(_struct(kind) for kind in returned(hook))
    heading = f"## {hook.__name__}\n\n{prose}\n\n```python\n{example(hook)}```\n"
    return f"{heading}\n{kinds}"


def _struct(kind: type[Any]) -> str:
    """Describe a frozen class: its signature, then what is said of its fields."""
    text = inspect.getdoc(kind) or ""
    prose = text.partition("\n:param")[0].strip()
    fields = "".join(f"- `{name}`: {' '.join(said.split())}\n" for name, said in _PARAM.findall(text))
    return f"`{kind.__name__}({', '.join(_fields(kind))})`\n\n{prose}\n" + (f"\n{fields}" if fields else "")


def _fields(kind: type[Any]) -> Iterator[str]:
    hints: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        hints |= inspect.get_annotations(each)
    defaults = dict(zip(reversed(kind.__struct_fields__), reversed(kind.__struct_defaults__), strict=False))
    for name in kind.__struct_fields__:
        default = defaults.get(name, NODEFAULT)
        made = default.factory() if hasattr(default, "factory") else default
        yield f"{name}: {hints[name]}" + ("" if default is NODEFAULT else f" = {getattr(made, '__name__', repr(made))}")


def _contexts() -> Iterator[str]:
    yield "## What the functions get\n"
    for kind in (contexts.HostContext, contexts.TurnContext, contexts.ToolContext):
        yield _struct(kind)


def main(arguments: list[str]) -> int:
    """Write the page, or check it.

    :return: the exit code
    """
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if "--check" in arguments:
        return int(old != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
