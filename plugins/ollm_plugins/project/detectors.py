"""Of which type is a project?

Files that only such projects have say so. Where there are none, it is what most of the files are; where those of
several types are side by side, the files that people write there weigh as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Final

from msgspec import Struct

from ollm.api import DetectContext, Detection
from ollm_plugins.project.counting import suffixes


class Kind(Struct, frozen=True):
    """What shows a type of project.

    :param markers: files and folders that say so, each with the share of folders with it that are such a project, a
        judgement; several together say so more surely
    :param suffixes: of the files that people write in it
    """

    markers: Mapping[str, float]
    suffixes: tuple[str, ...]


KINDS: Final = {
    "typescript": Kind(
        {
            "package.json": 0.7,
            "tsconfig.json": 0.8,
            "jsconfig.json": 0.7,
            "deno.json": 0.8,
            "pnpm-workspace.yaml": 0.7,
            "pnpm-lock.yaml": 0.3,
            "package-lock.json": 0.3,
            "yarn.lock": 0.3,
            "bun.lockb": 0.3,
            "bun.lock": 0.3,
        },
        (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".svelte"),
    ),
    "python": Kind(
        {
            "pyproject.toml": 0.85,
            "setup.py": 0.8,
            "setup.cfg": 0.7,
            "requirements.txt": 0.7,
            "Pipfile": 0.8,
            "environment.yml": 0.5,
            "uv.lock": 0.3,
            "poetry.lock": 0.3,
        },
        (".py", ".pyi", ".ipynb", ".pyx"),
    ),
    "rust": Kind({"Cargo.toml": 0.95, "Cargo.lock": 0.3, "rust-toolchain.toml": 0.5}, (".rs",)),
    "go": Kind({"go.mod": 0.95, "go.work": 0.9, "go.sum": 0.3}, (".go",)),
    "documentation": Kind(
        {
            "mkdocs.yml": 0.8,
            "docusaurus.config.js": 0.8,
            "docusaurus.config.ts": 0.8,
            "antora.yml": 0.8,
            "book.toml": 0.8,
            "conf.py": 0.5,
            "index.rst": 0.5,
            ".vitepress": 0.7,
            "_config.yml": 0.5,
        },
        (".md", ".mdx", ".rst", ".adoc", ".tex"),
    ),
}

SURE: Final = 0.7
"""From here on, a folder is the root of such a project: one file says so that others hardly have."""

LIKELY: Final = 0.5
"""From here on, a profile is picked."""

_FEW, _MOST, _DEEP = 500, 1000, 3
"""Entries that are looked at in one folder; in a mixed project, and so many levels deep."""

_TEXTS = "documentation"
_LEAST = 0.6
"""What stays of a confidence where something else is there that hardly anybody keeps beside it."""

_BY_FILES = 0.55
_ENOUGH = 0.6  # share of the files whose suffix is that of some kind


def typescript(ctx: DetectContext) -> Detection | None:
    """Recognize TypeScript and JavaScript."""
    return detect("typescript", ctx.folder)


def python(ctx: DetectContext) -> Detection | None:
    """Recognize Python."""
    return detect("python", ctx.folder)


def rust(ctx: DetectContext) -> Detection | None:
    """Recognize Rust."""
    return detect("rust", ctx.folder)


def go(ctx: DetectContext) -> Detection | None:
    """Recognize Go."""
    return detect("go", ctx.folder)


def documentation(ctx: DetectContext) -> Detection | None:
    """Recognize texts that are made into a book or a site."""
    return detect("documentation", ctx.folder)


def detect(name: str, folder: Path) -> Detection | None:
    """Say how surely a folder is the root of a type of project; None when nothing says so."""
    try:
        marked = _marked(folder, folder.stat().st_mtime_ns)
    except OSError:
        return None
    if not marked:
        return _by_files(name, folder)
    evidence = marked.get(name, ())
    if not evidence:
        return None
    confidence = _combined(name, evidence)
    code = [kind for kind, found in marked.items() if kind != _TEXTS and _combined(kind, found) >= LIKELY]
    if code and name == _TEXTS:  # they are about the code
        confidence *= _LEAST
    elif len(code) > 1 and name in code:
        confidence *= _LEAST + (1 - _LEAST) * _shares(folder, code, _DEEP, _MOST)[name]
    return Detection(name, folder, evidence, round(confidence, 2))


@lru_cache(maxsize=64)
def _marked(folder: Path, changed: int) -> Mapping[str, tuple[str, ...]]:  # noqa: ARG001  (part of the key)
    """Return the markers that are there, by type."""
    above = f"{folder}{os.sep}"  # joining paths by `/` would cost as much as looking them up
    found = {
        name: tuple(marker for marker in kind.markers if os.path.lexists(above + marker))
        for name, kind in KINDS.items()
    }
    return {name: evidence for name, evidence in found.items() if evidence}


def _combined(name: str, evidence: tuple[str, ...]) -> float:
    """Several files that each leave some doubt leave less together."""
    return 1 - prod(1 - KINDS[name].markers[marker] for marker in evidence)


def _by_files(name: str, folder: Path) -> Detection | None:
    counts = suffixes(folder, 1, _FEW)
    mine = sum(counts.get(suffix, 0) for suffix in KINDS[name].suffixes)
    if mine < 2 or _shares(folder, KINDS, 1, _FEW)[name] < _ENOUGH:  # noqa: PLR2004  (a single file is no project)
        return None
    known = sum(counts.get(suffix, 0) for kind in KINDS.values() for suffix in kind.suffixes)
    return Detection(name, folder, (f"{mine} of {known} files",), _BY_FILES)


def _shares(folder: Path, names: Iterable[str], depth: int, most: int) -> dict[str, float]:
    """Return which part of a folder's files is of each of some kinds, of those that are of any of them."""
    counts = suffixes(folder, depth, most)
    mine = {name: sum(counts.get(suffix, 0) for suffix in KINDS[name].suffixes) for name in names}
    total = sum(mine.values()) or 1
    return {name: count / total for name, count in mine.items()}
